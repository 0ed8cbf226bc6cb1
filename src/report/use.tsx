/** How to use the file in the usual programs. */
import type { RunReport } from '../engine/report/types.ts';
import { diffusersCode, embeddingFile } from '../engine/report/usage.ts';

/** Programs know an embedding by its file name, so the file must be named after the trigger word. */
function EmbeddingStep({ file, word, folder }: Record<'file' | 'word' | 'folder', string>) {
  return (
    <li>
      Copy <code>{embeddingFile(file)}</code> to <code>{folder}</code> as <code>{`${word}.safetensors`}</code>.
    </li>
  );
}

export function Use({ report }: { readonly report: RunReport }) {
  const { model, files, dataset } = report;
  if (files.length === 0)
    return (
      <section id="use" aria-labelledby="use-title">
        <h2 id="use-title">Use it</h2>
        <p className="quiet">There is no LoRA file of this run yet.</p>
      </section>
    );
  const file = (files[0]?.path ?? `output/${report.name}.safetensors`).split('/').at(-1) ?? '';
  const stem = file.replace(/\.safetensors$/u, '');
  const prompt = report.samples[0]?.prompt ?? dataset?.trigger ?? '';
  const word = model?.embedding;
  const sdxl = model?.family === 'sdxl';
  return (
    <section id="use" aria-labelledby="use-title">
      <h2 id="use-title">Use it</h2>
      {dataset !== null && dataset.trigger !== '' ? (
        <p>
          The word that calls it: <code>{dataset.trigger}</code>
        </p>
      ) : null}
      <div className="columns">
        <article>
          <h3>ComfyUI</h3>
          <ol>
            <li>
              Copy <code>{file}</code> to <code>ComfyUI/models/loras</code>.
            </li>
            <li>
              Put a <em>Load LoRA</em> node behind <em>Load Checkpoint</em>, choose the file, strength 0.8 to 1.
            </li>
            {model?.flow_shift === undefined ? null : (
              <li>
                Put a <em>ModelSamplingSD3</em> node behind it, {`shift ${model.flow_shift}`}.
              </li>
            )}
            {word === undefined ? null : <EmbeddingStep file={file} word={word} folder="ComfyUI/models/embeddings" />}
            <li>
              {word === undefined ? (
                'Write the prompt, the word that calls it included.'
              ) : (
                <>
                  Write the prompt, with <code>{`embedding:${word}`}</code> where the word would stand.
                </>
              )}
            </li>
          </ol>
        </article>
        <article>
          <h3>A1111, Forge</h3>
          <ol>
            <li>
              Copy <code>{file}</code> to <code>models/Lora</code>.
            </li>
            {word === undefined ? null : <EmbeddingStep file={file} word={word} folder="embeddings" />}
            <li>Put this into the prompt:</li>
          </ol>
          <pre>
            <code>{`${prompt}${prompt === '' ? '' : ' '}<lora:${stem}:0.8>`}</code>
          </pre>
          {model !== null && model.clip_skip > 1 ? <p>{`Set clip skip to ${model.clip_skip}.`}</p> : null}
        </article>
        <article>
          <h3>diffusers</h3>
          <pre>
            <code>
              {diffusersCode({
                file,
                prompt,
                sdxl,
                v: model?.prediction === 'v_prediction',
                flowShift: model?.flow_shift,
                embedding: word,
              })}
            </code>
          </pre>
        </article>
      </div>
      <p className="quiet">
        {`It was trained on ${model?.name ?? 'its base model'}. It works best there and on models made from it.`}
      </p>
    </section>
  );
}
