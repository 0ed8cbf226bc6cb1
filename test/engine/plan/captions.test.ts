import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { says, tagsOf, triggerFirst } from '../../../src/engine/plan/captions.ts';

describe('the trigger of captions whose tags move', () => {
  it.each([
    ['zwx, smile, hat', 'zwx', 'zwx, smile, hat'],
    ['zwx,smile ,  hat', 'zwx', 'zwx,smile ,  hat'],
    ['smile, red hair, zwx, hat', 'zwx', 'zwx, smile, red hair, hat'],
    ['smile, ZWX, hat', 'zwx', 'ZWX, smile, hat'],
    ['zwx, blue dress, smile', 'zwx, blue dress', 'zwx, blue dress, smile'],
    ['smile, zwx, blue dress, hat', 'zwx, blue dress', 'zwx, blue dress, smile, hat'],
    ['zwx, blue dress, zwx, smile, blue dress', 'zwx, blue dress', 'zwx, blue dress, smile'],
    ['smile, a photo of zwx, hat', 'zwx', 'a photo of zwx, smile, hat'],
    ['hat, my zwx, blue dress of silk, smile', 'zwx, blue dress', 'my zwx, blue dress of silk, hat, smile'],
    ['smile, hat', '', 'smile, hat'],
  ])('%j with %j is %j', (caption, trigger, expected) => {
    expect(triggerFirst(caption, trigger)).toBe(expected);
  });

  it('stands in front whole, and no other tag is lost or new', () => {
    const tag = fc.constantFrom('zwx', 'blue dress', 'smile', 'a zwx toy', 'hat', 'red hair');
    const trigger = fc.constantFrom('zwx', 'zwx, blue dress', 'blue dress, zwx');
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 6 }), trigger, (tags, wanted) => {
        const caption = says(tags.join(', '), wanted) ? tags.join(', ') : [wanted, ...tags].join(', ');
        const made = tagsOf(triggerFirst(caption, wanted));
        const kept = tagsOf(wanted).length;
        expect(says(made.slice(0, kept).join(', '), wanted)).toBe(true);
        expect(new Set(made)).toEqual(new Set(tagsOf(caption)));
      }),
    );
  });
});
