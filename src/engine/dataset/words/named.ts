/** Makes captions of the names of files and folders. Pure. */

/** Names that a camera, a phone, a browser or another program gives, which say nothing about the image. */
const GIVEN =
  /^(?:(?:img|dsc[fn]?|dscn|pxl|mvimg|gopr|dji|cimg|sam|p|pict|wp|vid|image|images|picture|pictures|photo|photos|file|frame|untitled|unnamed|unknown|download|downloads|screenshot|screen shot|screen|scan|copy|temp|tmp|comfyui|output|sample|tile|crop|edited|whatsapp image)(?=[\s\d]|$)[\s\dtz:.x-]*(?:at|am|pm|edited|copy|mp|wa\d+|burst\d*|cover|portrait|night|hdr|[\s\d:.x-])*|[\s\d:.x-]*|[0-9a-f]{8}(?: ?[0-9a-f]{4}){3} ?[0-9a-f]{12}|[0-9a-f]{16,})$/iu;
/** The suffix that numbers files of one name: `fox (2)`, `fox 007`, `fox - copy`. */
const COUNTED = /(?:\s*\(\d+\)|\s+-?\s*copy|[\s-]+\d{1,6})+$/iu;

/**
 * A name in words: underscores become spaces, and so do hyphens where there is no other space; numbers at the end are
 * left out. Undefined for a name that a camera or a program gave.
 */
export function wordsOfName(name: string): string | undefined {
  const spaced = name.replaceAll('_', ' ').replaceAll(/\s+/gu, ' ').trim();
  const text = spaced.includes(' ') ? spaced : spaced.replaceAll('-', ' ');
  const words = text.replace(COUNTED, '').trim();
  // One or two letters are not a description.
  if (GIVEN.test(text) || GIVEN.test(words) || !/\p{L}{2}/u.test(words)) return undefined;
  return words;
}

/** The words of the innermost folder on a path, without its number of repeats; undefined for a file in the root. */
export function wordsOfFolder(path: string): string | undefined {
  const folder = path.split('/').at(-2);
  return folder === undefined ? undefined : wordsOfName(folder.replace(/^\d{1,5}_/u, ''));
}

/** Names that say what a folder is for, and nothing about what its images show. */
const PURPOSE = /^(?:train(?:ing)?|data|data ?sets?|reg|regulari[sz]ation)$/iu;

/** The words of a folder that was named as a source on its own: they caption the images that lie directly in it. */
export function wordsOfSource(name: string): string | undefined {
  const words = wordsOfFolder(`${name}/`);
  return words === undefined || PURPOSE.test(words) ? undefined : words;
}
