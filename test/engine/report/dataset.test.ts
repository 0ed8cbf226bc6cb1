import { expect, it } from 'vitest';
import { datasetOf } from '../../../src/engine/report/dataset.ts';
import { fixturePlan } from '../../helpers/fixture-run.ts';

const counted = (captions: readonly string[]) => {
  const plan = fixturePlan('/nowhere', 2, null);
  const [first] = plan.data.images;
  if (first === undefined) throw new Error('The plan of the fixture has no image.');
  const images = captions.map((caption, i) => ({ ...first, id: `${first.id}-${i}`, caption }));
  return datasetOf({ ...plan, data: { ...plan.data, images } }, 'zfx').tags;
};

it('counts tags where captions are lists of them', () => {
  expect(counted(['zfx, red hair, solo', 'zfx, solo, blue eyes', '']).slice(0, 2)).toEqual([
    { tag: 'solo', images: 2 },
    { tag: 'zfx', images: 2 },
  ]);
});

it('counts words where captions are sentences', () => {
  const tags = counted(['A zibbo in the snow', 'a big zibbo with a hat', 'The zibbo, in the snow']);
  expect(tags.slice(0, 2)).toEqual([
    { tag: 'zibbo', images: 3 },
    { tag: 'snow', images: 2 },
  ]);
  expect(tags.map(({ tag }) => tag)).not.toContain('the');
});

it('shows no folder of this machine for an image of another source', () => {
  const plan = fixturePlan('/nowhere', 2, null);
  const images = plan.data.images.map((image) => ({ ...image, path: '/home/ann/even more/b.png' }));
  expect(datasetOf({ ...plan, data: { ...plan.data, images } }, '').captions).toEqual([
    { path: '…/b.png', caption: '' },
  ]);
});
