import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { actionOf } from '../../../src/cli/dashboard/keys.ts';
import { initialUi, press, type UiState } from '../../../src/cli/dashboard/press.ts';

const context = { readonly: false, images: 3 };
const typed = (keys: readonly string[], where = context) => {
  let ui: UiState = initialUi;
  const wishes: string[] = [];
  for (const key of keys) {
    const pressed = press(ui, key, where);
    ui = pressed.ui;
    if (pressed.wish !== undefined) wishes.push(pressed.wish);
  }
  return { ui, wishes };
};

describe('keys of the dashboard', () => {
  it('are those that messages elsewhere tell people to press', () => {
    const told = ['src', 'trainer/visiontrain_trainer'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.(?:ts|tsx|py)$/u.test(path))
        .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))
        .flatMap(({ path, text }) =>
          [...text.matchAll(/([^\n]*)press (\S) in [^\n]*attach/gu)].map(([, before = '', key = '']) => ({
            path,
            wants: before.includes('for samples') ? 'sample' : 'checkpoint',
            does: actionOf(key, false),
          })),
        ),
    );
    expect(told.length).toBeGreaterThan(1);
    expect(told.filter(({ wants, does }) => wants !== does)).toEqual([]);
  });

  it.each([['d'], ['q']])('%s leaves at once', (key) => {
    expect(typed([key]).wishes).toEqual(['detach']);
  });

  it('asks at the first Ctrl-C; Enter or a second Ctrl-C detaches', () => {
    expect(typed(['ctrl-c']).ui.page.kind).toBe('leave');
    expect(typed(['ctrl-c']).wishes).toEqual([]);
    expect(typed(['ctrl-c', 'enter']).wishes).toEqual(['detach']);
    expect(typed(['ctrl-c', 'ctrl-c']).wishes).toEqual(['detach']);
    expect(typed(['ctrl-c', 's']).wishes).toEqual(['stop']);
  });

  it('asks only once: after Keep watching the next Ctrl-C leaves', () => {
    expect(typed(['ctrl-c', 'k']).ui.page.kind).toBe('run');
    expect(typed(['ctrl-c', 'k', 'ctrl-c']).wishes).toEqual(['detach']);
  });

  it('stops only after a yes, and says so', () => {
    expect(typed(['s']).wishes).toEqual([]);
    expect(typed(['s', 'n']).wishes).toEqual([]);
    expect(typed(['s', 'escape']).wishes).toEqual([]);
    const { ui, wishes } = typed(['s', 'y']);
    expect(wishes).toEqual(['stop']);
    expect(ui.notice).toMatch(/^Stopping, with a checkpoint/);
  });

  it('asks for checkpoints and samples', () => {
    expect(typed(['c', 'g']).wishes).toEqual(['checkpoint', 'sample']);
  });

  it('walks through the pictures and stays inside', () => {
    expect(typed(['p', 'right', 'right', 'right', 'right']).ui.page).toEqual({ kind: 'pictures', at: 2 });
    expect(typed(['p', 'left']).ui.page).toEqual({ kind: 'pictures', at: 0 });
    expect(typed(['p', 'escape']).ui.page.kind).toBe('run');
  });

  it('asks nothing of the run in a read-only view', () => {
    const readonly = { readonly: true, images: 0 };
    expect(typed(['s', 'y', 'c', 'g'], readonly).wishes).toEqual([]);
    expect(typed(['ctrl-c', 's'], readonly).wishes).toEqual([]);
    expect(typed(['d'], readonly).wishes).toEqual(['detach']);
  });

  it('does nothing irreversible on Escape or an unknown key: slow links cut arrow keys in two', () => {
    expect(typed(['escape', '[', 'A', 'escape', '[', 'D', 'x']).wishes).toEqual([]);
  });
});
