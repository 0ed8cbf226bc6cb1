/**
 * Samples with and without the LoRA. The page contains every image; the script shows one step at a time, chosen by a
 * slider.
 */
import type { ReportPrompt, RunReport } from '../engine/report/types.ts';
import type { PageImage } from './images.ts';

type Images = ReadonlyMap<string, PageImage>;

export function Samples({ report, images }: { readonly report: RunReport; readonly images: Images }) {
  const { samples } = report;
  const slides = samples.some(({ steps }) => steps.filter(({ path }) => images.has(path)).length > 1);
  return (
    <section id="samples" aria-labelledby="samples-title">
      <h2 id="samples-title">Samples</h2>
      {samples.length === 0 ? <p className="quiet">This run has made no samples.</p> : null}
      {samples.length > 0 ? (
        <p className="quiet">
          The same prompt and seed, without and with the LoRA.{slides ? ' The slider goes through the steps.' : ''}
        </p>
      ) : null}
      <div className="prompts">
        {samples.map((prompt) => (
          <Prompt key={`${prompt.index}-${prompt.seed}-${prompt.prompt}`} prompt={prompt} images={images} />
        ))}
      </div>
    </section>
  );
}

function Prompt({ prompt, images }: { readonly prompt: ReportPrompt; readonly images: Images }) {
  const id = `prompt-${prompt.index}-${prompt.seed}`;
  const shown = prompt.steps.filter(({ path }) => images.has(path));
  const missing = prompt.steps.length - shown.length;
  const base = prompt.base === null ? undefined : images.get(prompt.base);
  return (
    <figure className="prompt" data-prompt={id}>
      <figcaption>
        <span className="text">{prompt.prompt}</span>
        <small>{`seed ${prompt.seed}`}</small>
      </figcaption>
      <div className="pair">
        {base === undefined ? null : (
          <div className="frame">
            <Shot image={base} alt={`Without the LoRA: ${prompt.prompt}`} />
            <span className="label">without</span>
          </div>
        )}
        {shown.map(({ step, path }, i) => (
          <div className="frame step" key={step} data-step={step} hidden={i !== shown.length - 1}>
            <Shot image={images.get(path)} alt={`With the LoRA, step ${step}: ${prompt.prompt}`} />
            <span className="label">{`step ${step}`}</span>
          </div>
        ))}
      </div>
      {shown.length > 1 ? (
        <div className="steps">
          <label htmlFor={id}>Step</label>
          <input
            id={id}
            type="range"
            min={0}
            max={shown.length - 1}
            defaultValue={shown.length - 1}
            aria-valuetext={`step ${shown.at(-1)?.step}`}
          />
          <output htmlFor={id}>{shown.at(-1)?.step}</output>
          <button type="button" data-sheet="" aria-pressed="false">
            All steps
          </button>
        </div>
      ) : null}
      {missing > 0 ? <p className="quiet">{`${missing} of its images cannot be shown.`}</p> : null}
    </figure>
  );
}

function Shot({ image, alt }: { readonly image: PageImage | undefined; readonly alt: string }) {
  return image === undefined ? null : <img src={image.uri} width={image.width} height={image.height} alt={alt} />;
}
