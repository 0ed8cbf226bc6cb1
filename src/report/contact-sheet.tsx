/** The contact sheet: the images of the data set, small, with the captions that were trained. */
import { plural } from '../base/text.ts';
import type { Sheet, SheetImage } from './sheet-images.ts';

const KINDS = { trained: '', validation: 'kept for validation', regularisation: 'regularisation' } as const;
const LOSSES = { never: 'never learned', by_heart: 'known by heart' } as const;

/** Images that are shown at once; the others are behind a click, so that the page is not too long on a phone. */
const FIRST = 24;
/** If no more than this many are left, they are shown too. */
const FEW = 8;

export function ContactSheet({ sheet }: { readonly sheet: Sheet | null }) {
  if (sheet === null || sheet.images.length === 0) return null;
  const { images, total } = sheet;
  const ordered = [...images.filter(({ loss }) => loss !== null), ...images.filter(({ loss }) => loss === null)];
  const open = ordered.length <= FIRST + FEW ? ordered.length : FIRST;
  const verdict =
    images.length === total
      ? `All ${plural(total, 'picture')}, with the captions that were trained.`
      : `${images.length} of ${total} pictures, spread evenly, with the captions that were trained.`;
  return (
    <section id="contact-sheet" aria-labelledby="contact-sheet-title">
      <h2 id="contact-sheet-title">Contact sheet</h2>
      <p className="quiet">{verdict}</p>
      <Tiles images={ordered.slice(0, open)} />
      {ordered.length > open ? (
        <details>
          <summary>{`The other ${ordered.length - open}`}</summary>
          <Tiles images={ordered.slice(open)} />
        </details>
      ) : null}
    </section>
  );
}

function Tiles({ images }: { readonly images: readonly SheetImage[] }) {
  return (
    <ul className="contacts">
      {images.map((image, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the list is made once and never changes
        <Tile key={i} image={image} />
      ))}
    </ul>
  );
}

function Tile({ image: { name, caption, kind, size, loss, uri } }: { readonly image: SheetImage }) {
  const marks = [KINDS[kind], loss === null ? '' : LOSSES[loss]].filter((mark) => mark !== '');
  return (
    <li>
      {uri === null ? (
        <div className="gone">no thumbnail</div>
      ) : (
        <img src={uri} alt={`${name}${caption === '' ? '' : `: ${caption}`}`} decoding="async" />
      )}
      <div className="said">
        <small>
          {name} <span>{`${size[0]} × ${size[1]}`}</span>
        </small>
        {marks.map((mark) => (
          <b key={mark}>{mark}</b>
        ))}
        <p>{caption === '' ? '(no caption)' : caption}</p>
      </div>
    </li>
  );
}
