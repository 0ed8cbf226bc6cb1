/** Figures about the data set. */
import { plural } from '../base/text.ts';
import type { RunReport } from '../engine/report/types.ts';

export function Dataset({ report: { dataset } }: { readonly report: RunReport }) {
  if (dataset === null) return null;
  const { images, validation, regularisation, masks, uses, epochs, buckets, trigger, tags, captions } = dataset;
  const most = tags[0]?.images ?? 1;
  const facts = [
    ['Pictures', `${images} trained on`],
    ['Kept for validation', validation === 0 ? 'none' : String(validation)],
    ...(regularisation > 0 ? [['Regularisation', plural(regularisation, 'picture')]] : []),
    ...(masks > 0 ? [['With a mask', plural(masks, 'picture')]] : []),
    ['Uses in an epoch', String(uses)],
    ['Epochs', epochs.toFixed(1)],
    ['Trigger', trigger === '' ? '(none)' : trigger],
    ['Without a caption', String(dataset.uncaptioned)],
  ] as const;
  return (
    <section id="data-set" aria-labelledby="data-set-title">
      <h2 id="data-set-title">Data set</h2>
      <div className="columns">
        <dl className="facts">
          {facts.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <div>
          <h3>Buckets</h3>
          <table>
            <thead>
              <tr>
                <th scope="col">Size</th>
                <th scope="col">Pictures</th>
              </tr>
            </thead>
            <tbody>
              {buckets.map(({ size: [width, height], images: count }) => (
                <tr key={`${width}x${height}`}>
                  <th scope="row">{`${width} × ${height}`}</th>
                  <td className="number">{count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {tags.length > 0 && (
          <div>
            <h3>Most frequent in captions</h3>
            <ul className="tags">
              {tags.map(({ tag, images: count }) => (
                <li key={tag} data-share={Math.ceil((count / most) * 4)}>
                  {tag}
                  <small>{count}</small>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
      <details>
        <summary>
          {captions.length === 1
            ? 'Caption of the first picture'
            : `Captions of the first ${plural(captions.length, 'picture')}`}
        </summary>
        <dl className="captions">
          {captions.map(({ path, caption }) => (
            <div key={path}>
              <dt>{path}</dt>
              <dd>{caption === '' ? '(none)' : caption}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
