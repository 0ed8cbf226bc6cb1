/** A model on a server: what is known about it before its weights are fetched. */

import type { Client } from '../../download/http/client.ts';
import { Fault } from '../../download/http/fault.ts';
import type { DownloadSettings } from '../../download/http/settings.ts';
import type { Source } from '../../download/http/source.ts';
import { type Address, addresses } from '../../download/http/sources.ts';
import type { ModelFile } from '../catalogue/schema.ts';
import { checkInside } from './hub-listing.ts';

export interface RemoteModel {
  readonly title: string;
  /** Page about the model. */
  readonly page: string;
  readonly layout: 'single_file' | 'diffusers';
  readonly files: ModelFile[];
  /** Parts of the person's address that are not kept, because they would give anybody access. */
  readonly left?: readonly string[];
}

export interface RemoteInput {
  readonly client: Client;
  readonly settings: DownloadSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Hash as given by the person, since a plain address cannot tell it. */
  readonly sha256: string | undefined;
  readonly tokenEnv: string | undefined;
}

/**
 * The weights of a model as a file of the registry.
 * @throws {Fault} when the server names a file of no bytes, or one that could lie outside its folder
 */
export function weights(
  path: string,
  sha256: string,
  bytes: number | undefined,
  { source, host }: { source: Source; host: string },
): ModelFile {
  checkInside(path, host);
  if (bytes === 0) throw new Fault('page', `${host} says that ${path} is empty`);
  const size = bytes === undefined ? {} : { bytes };
  return {
    path,
    role: 'weights',
    ...size,
    sha256,
    confidence: 'one',
    unverified: bytes === undefined ? ['bytes'] : [],
    sources: [source],
  };
}

/** Turns a source into the address that downloads use. */
export function addressOf(source: Source, name: string, { settings, env }: RemoteInput): Address {
  const [address] = addresses([source], name, settings, env);
  if (address === undefined) throw new Error('a source has an address');
  return address;
}

export const withoutEnding = (name: string) => name.replace(/\.safetensors$/i, '');
