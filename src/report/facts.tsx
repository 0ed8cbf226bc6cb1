/** Settings with who chose each, the machine, the files with their hashes, and the notes of the run. */
import { formatBytes, formatDuration, plural } from '../base/text.ts';
import type { ChosenSetting, RunReport } from '../engine/report/types.ts';
import { valueText } from './words.ts';

interface Props {
  readonly report: RunReport;
}

const WHO = {
  you: 'you wrote or picked it',
  preset: 'the recipe of the base model, or the default',
  detected: 'read from the files or the machine',
} as const;

export function Settings({ report: { settings } }: Props) {
  const sections = new Map<string, ChosenSetting[]>();
  for (const setting of settings) {
    const section = setting.key.includes('.') ? (setting.key.split('.')[0] ?? '') : 'run';
    sections.set(section, [...(sections.get(section) ?? []), setting]);
  }
  const yours = settings.filter(({ by }) => by === 'you').length;
  return (
    <section id="settings" aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      {settings.length === 0 ? (
        <p className="quiet">Its run.yaml is not there, or damaged.</p>
      ) : (
        <p className="quiet">
          <label>
            <input type="checkbox" data-only-yours="" defaultChecked={yours > 0} />
            {` only the ${yours} that you chose, of ${settings.length}`}
          </label>
        </p>
      )}
      <div className="settings">
        {[...sections].map(([section, all]) => (
          <table key={section}>
            <caption>{section}</caption>
            <thead className="visually-hidden">
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Value</th>
                <th scope="col">Who chose it</th>
              </tr>
            </thead>
            <tbody>
              {all.map(({ key, value, by }) => (
                <tr key={key} data-by={by}>
                  <th scope="row">{key.split('.').at(-1)}</th>
                  <td>{valueText(value)}</td>
                  <td className="who" title={whoIs(by)}>
                    {by}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
      </div>
    </section>
  );
}

const whoIs = (by: ChosenSetting['by']) =>
  by === 'you' || by === 'preset' || by === 'detected' ? WHO[by] : `your preset ${by.slice('preset:'.length)}`;

export function MachineFacts({ report: { machine, seconds } }: Props) {
  const facts = Object.entries(machine).filter(([, value]) => value !== null);
  return (
    <section id="machine" aria-labelledby="machine-title">
      <h2 id="machine-title">Machine and versions</h2>
      <dl className="facts wide">
        {seconds === null ? null : (
          <div>
            <dt>time at work</dt>
            <dd>{formatDuration(seconds)}</dd>
          </div>
        )}
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name.replaceAll('_', ' ')}</dt>
            <dd>{name.endsWith('bytes') && typeof value === 'number' ? formatBytes(value) : String(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Files({ report: { files, spec_sha256: spec, model } }: Props) {
  return (
    <section id="files" aria-labelledby="files-title">
      <h2 id="files-title">Files and hashes</h2>
      {files.length === 0 ? <p className="quiet">No LoRA was written yet.</p> : null}
      <table className="files">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Step</th>
            <th scope="col">Size</th>
            <th scope="col">SHA-256</th>
          </tr>
        </thead>
        <tbody>
          {files.map(({ path, bytes, sha256, step }) => (
            <tr key={path}>
              <th scope="row">{path.split('/').at(-1)}</th>
              <td className={step === null ? 'number' : 'number step'}>{step ?? 'the last'}</td>
              <td className="number">{formatBytes(bytes)}</td>
              <td>
                <code>{sha256}</code>
              </td>
            </tr>
          ))}
          {spec === null ? null : (
            <tr>
              <th scope="row">run.yaml (without paths)</th>
              <td />
              <td />
              <td>
                <code>{spec}</code>
              </td>
            </tr>
          )}
          {model?.sha256 ? (
            <tr>
              <th scope="row">{`base model ${model.name}`}</th>
              <td />
              <td />
              <td>
                <code>{model.sha256}</code>
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </section>
  );
}

export function Notes({ report: { notes } }: Props) {
  if (notes.length === 0) return null;
  return (
    <section id="notes" aria-labelledby="notes-title">
      <h2 id="notes-title">Noted on the way</h2>
      <details open={notes.some(({ level }) => level === 'warn')}>
        <summary>{plural(notes.length, 'note')}</summary>
        <ul className="notes">
          {notes.map(({ level, text }, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the page is rendered once, and notes may be equal
            <li key={i} className={level}>
              {level === 'warn' ? <strong>Warning: </strong> : null}
              {text}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}
