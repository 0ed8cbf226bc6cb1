/** Errors of base models, LoRAs and downloads. */
import type { ErrorEntry } from './entry.ts';

export const modelErrors = {
  'model/none': {
    what: 'There is no such model in the registry.',
    cause: 'The id is misspelt, or the model was never added.',
    cure: 'See all: `visiontrain models list`. Add your own: `visiontrain models add FILE`.',
  },
  'model/not-a-base': {
    what: 'The entry is no base model, or no VAE where one is needed.',
    cause: 'The registry has models, VAEs and files that go with them; each has its place in run.yaml.',
    cure: 'See what each is: `visiontrain models list`.',
  },
  'model/id': {
    what: 'A model cannot have that id.',
    cause: 'It has other signs than lower-case letters, digits, dots and dashes.',
    cure: 'Give another with --id.',
  },
  'model/id-taken': {
    what: 'There is an entry of that id already.',
    cause: 'Each id means one model.',
    cure: 'Give another with --id, or remove the old one: `visiontrain models rm ID`.',
  },
  'model/licence': {
    what: 'The model has a licence that must be accepted first.',
    cause: 'Its author asks for it.',
    cure: 'Read it, then accept it as the message shows.',
  },
  'model/list': {
    what: 'The list of models has mistakes.',
    cause: 'models.yaml was changed by hand, or comes from another version.',
    cure: 'Mend what the message names.',
  },
  'model/family': {
    what: 'The model is of another family than what it is to be like.',
    cause: 'LoRAs are trained here on Stable Diffusion 1.5 and on SDXL, and each needs companions of its own family.',
    cure: 'Name a model of the same family with --like.',
  },
  'model/not-supported': {
    what: 'The model is of a kind that is not trained here.',
    cause: 'LoRAs are trained here on Stable Diffusion 1.5 and SDXL, for epsilon and v_prediction.',
    cure: 'Choose another: `visiontrain models list`.',
  },
  'model/incomplete': {
    what: 'The model is not whole.',
    cause: 'Files or weights of it are missing, or it comes without a VAE.',
    cure: 'Download it again, or name a VAE with model.vae.',
  },
  'model/unreadable': {
    what: 'A file of the model cannot be read.',
    cause: 'The path is wrong, a link leads nowhere, or the content is not what its name says.',
    cure: 'Check the path, or download the model again.',
  },
  'model/not-safetensors': {
    what: 'The file is no safetensors file.',
    cause:
      'It is a pickle, a web page, a pointer of Git LFS, or cut short. Pickles can run code, so they are never opened.',
    cure: 'Download the .safetensors file again, from its download button or with `visiontrain models pull`.',
  },
  'model/config': {
    what: 'No configuration files fit the model.',
    cause: 'A single-file checkpoint needs those of a model of its family.',
    cure: 'Name a base model of the registry, or use the model in the layout of diffusers.',
  },
  'model/built-in': {
    what: 'The model is built in and cannot be removed.',
    cause: 'It comes with visiontrain and takes no room of its own.',
    cure: 'There is nothing to do.',
  },
  'model/in-use': {
    what: 'The model is in use.',
    cause: 'It is being fetched, or runs that are not finished need it.',
    cure: 'Wait or stop them; the message names them.',
  },
  'model/address': {
    what: 'The address cannot be used.',
    cause: 'It is no address, has no file name, or the SHA-256 of its file is not given.',
    cure: 'Copy it from the download button, and give --sha256 as the page shows it.',
  },
  'model/hub': {
    what: 'Hugging Face or Civitai has no model there that can be used.',
    cause: 'The page holds no .safetensors checkpoint, several, or none that is published.',
    cure: 'Give the link of the very file that you want.',
  },
  'model/token': {
    what: 'The server asks for a token.',
    cause: 'The file is not public. Tokens are never kept in a file of the registry.',
    cure: 'Put the token into a variable, and name the variable with --token-env.',
  },
  'lora/unreadable': {
    what: 'A LoRA file cannot be read.',
    cause: 'It is not there, or this user may not read it.',
    cure: 'Check the path.',
  },
  'lora/not-made': {
    what: 'A LoRA file cannot be made of others.',
    cause:
      'One is damaged, or of a kind that needs --rank (LoHa, LoKr) or --base (DoRA, OFT), or they are for different bases.',
    cure: 'See what each holds: `visiontrain lora inspect FILE`.',
  },
  'lora/thumbnail': {
    what: 'A picture cannot be the thumbnail of a LoRA file.',
    cause: 'It is no PNG or JPEG, or one of a kind that is not read here (16 bits, interlaced, CMYK).',
    cure: 'Save it as a plain PNG or JPEG.',
  },
  'lora/unusable': {
    what: 'The LoRA of training.init_lora cannot be gone on from.',
    cause: 'It is not there, damaged, of another family, or of another kind than the run trains.',
    cure: 'Check the path; it starts at the folder of run.yaml.',
  },
  'download/failed': {
    what: 'A file could not be downloaded.',
    cause: 'Each source and why it failed stands in the message.',
    cure: 'Type the same command later: it goes on from what is there.',
  },
  'download/wrong-file': {
    what: 'A file is not the one it should be.',
    cause: 'Its SHA-256 is another, so it was damaged on its way or changed at its source.',
    cure: 'Type the same command again. If it stays, `visiontrain models check` tells whether the source changed.',
  },
  'download/too-slow': {
    what: 'A download took longer than it was given.',
    cause: 'VISIONTRAIN_DOWNLOAD_TIMEOUT bounds it.',
    cure: 'Type the same command again: it goes on from what is there.',
  },
  'download/offline': {
    what: 'Something would have to be fetched, but offline mode is on.',
    cause: 'VISIONTRAIN_OFFLINE or HF_HUB_OFFLINE is set.',
    cure: 'Unset it, or put the file where the message says.',
  },
  'download/no-source': {
    what: 'Nobody is known to offer the file.',
    cause: 'The entry of the registry has no source or no hash for it, or the file it was added from is gone.',
    cure: 'Put the file back, or add the model again from where it is.',
  },
  'download/foreign-partial': {
    what: 'What lies where a download would be kept is not ours.',
    cause: 'A link or a file of another user has its name. It is left alone.',
    cure: 'Look at it, and remove it if you do not know it.',
  },
  'download/certificates': {
    what: 'The file of certificates cannot be read.',
    cause: 'SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that is not there or is none.',
    cure: 'Mend or unset that variable.',
  },
  'download/proxy': {
    what: 'The proxy cannot be used.',
    cause: 'HTTPS_PROXY, HTTP_PROXY or ALL_PROXY holds no address of an HTTP proxy.',
    cure: 'Write it as http://host:port, or unset it.',
  },
  'download/setting': {
    what: 'A setting of downloads is wrong.',
    cause: 'A variable or flag holds something else than it takes.',
    cure: 'The message says what it looks like.',
  },
  'model/mismatch': {
    what: 'The base model is of another kind than run.yaml says.',
    cause: 'Its family, what it predicts or its noise schedule was set by hand, or the file was replaced.',
    cure: 'Set the key that the message names to the value that it names.',
  },
  'model/not-finite': {
    what: 'The base model holds numbers that are infinite or undefined.',
    cause: 'The file was damaged when it was made, merged or copied.',
    cure: 'Download it again, or choose another base model: `visiontrain models list`.',
  },
  'model/predicts-nothing': {
    what: 'The base model predicts nothing of your pictures.',
    cause: 'The file is damaged, or its parts are mixed up, so that training on it would give a LoRA of noise.',
    cure: 'Choose another base model, or another file of it: `visiontrain models list`.',
  },
  'model/zeros': {
    what: 'A part of the base model consists of zeros.',
    cause: 'A copy or a download broke off and left a hole in the file, or a program wrote the part so.',
    cure: 'Download it again, or choose another base model: `visiontrain models list`.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;
