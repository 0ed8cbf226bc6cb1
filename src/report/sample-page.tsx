/** The page of samples from `visiontrain sample`: the grid, and the settings of each sample. */
import { renderToStaticMarkup } from 'react-dom/server';
import type { SampleList } from '../engine/sample/schema.ts';
import { PageFooter, PageHeader, pageDocument } from './document.tsx';
import { ImageShrinker, type PageImage } from './images.ts';

type Sample = SampleList['samples'][number];

/** The page of the samples in a folder. A file that cannot be read leaves its cell empty. */
export function renderSamplePage(list: SampleList, dir: string): string {
  const files = list.samples.map(({ file }) => file);
  const images = new ImageShrinker().shrink(dir, files);
  return pageDocument({
    title: renderToStaticMarkup(<title>{`${titleOf(list)} · visiontrain`}</title>),
    body: renderToStaticMarkup(<SamplePage list={list} images={images} />),
    live: false,
  });
}

const titleOf = ({ run, loras }: SampleList): string => `Samples of ${run ?? loras.map(({ name }) => name).join(', ')}`;

/** Whether the samples of each row began with the same noise. */
function sameNoise({ samples, grid }: SampleList): boolean {
  const noises = new Map(samples.map(({ file, seed, size }) => [file, `${seed} ${size.join(' ')}`]));
  return grid.every((row) => new Set(row.map((file) => noises.get(file))).size === 1);
}

interface PageInput {
  readonly list: SampleList;
  readonly images: ReadonlyMap<string, PageImage>;
}

function SamplePage({ list, images }: PageInput) {
  return (
    <>
      <PageHeader title={titleOf(list)} what="samples" />
      <main id="main">
        <section id="samples" aria-labelledby="samples-title">
          <h2 id="samples-title">Samples</h2>
          <p className="quiet">
            {`On ${list.base.name}, ${list.sampler}, ${list.spacing}.${sameNoise(list) ? ' In one row the noise is the same.' : ''}`}
          </p>
          <Grid list={list} images={images} />
        </section>
        <Settings list={list} />
      </main>
      <PageFooter />
    </>
  );
}

function Grid({ list, images }: PageInput) {
  const byFile = new Map(list.samples.map((sample) => [sample.file, sample]));
  return (
    <div className="scroll">
      <table className="shots">
        <thead>
          <tr>
            {list.columns.map((label, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have equal titles
              <th scope="col" key={i}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        {list.grid.map((row, i) => (
          <tbody key={row.join()}>
            <tr>
              <th scope="rowgroup" colSpan={row.length}>
                {list.rows[i]}
              </th>
            </tr>
            <tr>
              {row.map((file) => (
                <td key={file}>
                  <Shot sample={byFile.get(file)} image={images.get(file)} loras={list.loras} />
                </td>
              ))}
            </tr>
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Shot({
  sample,
  image,
  loras,
}: {
  readonly sample: Sample | undefined;
  readonly image: PageImage | undefined;
  readonly loras: SampleList['loras'];
}) {
  if (sample === undefined || image === undefined) return <span className="quiet">not drawn</span>;
  return (
    <img
      src={image.uri}
      width={image.width}
      height={image.height}
      alt={`${madeWith(sample, loras)}: ${sample.prompt}`}
      title={`${sample.file}, seed ${sample.seed}`}
    />
  );
}

const madeWith = ({ step, strengths }: Sample, loras: SampleList['loras']): string =>
  [
    ...(step === null ? [] : [`step ${step}`]),
    ...strengths.map((strength, i) => `${loras[i]?.name ?? ''} × ${strength}`),
  ].join(', ');

function Settings({ list: { samples, loras } }: { readonly list: SampleList }) {
  const head = ['File', 'With', 'Prompt', 'Negative', 'Seed', 'Steps', 'Guidance', 'Size'];
  return (
    <section id="settings" aria-labelledby="settings-title">
      <h2 id="settings-title">What each was made with</h2>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              {head.map((each) => (
                <th scope="col" key={each}>
                  {each}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {samples.map((sample) => (
              <tr key={sample.file}>
                <th scope="row">{sample.file}</th>
                <td>{madeWith(sample, loras)}</td>
                <td>{sample.prompt}</td>
                <td>{sample.negative}</td>
                <td className="number">{sample.seed}</td>
                <td className="number">{sample.steps}</td>
                <td className="number">{sample.guidance}</td>
                <td className="number">{sample.size.join(' × ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
