/** Where a file can be fetched: a repository of a Hugging Face hub, a version on Civitai, or any address. */
export type Source =
  | {
      readonly kind: 'hub';
      readonly repo: string;
      readonly revision?: string | undefined;
      readonly path?: string | undefined;
    }
  | { readonly kind: 'civitai'; readonly model: number; readonly version: number }
  /** `token_env` names the environment variable that holds a bearer token. */
  | { readonly kind: 'url'; readonly url: string; readonly token_env?: string | undefined };
