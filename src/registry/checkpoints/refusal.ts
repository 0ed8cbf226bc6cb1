/** Why a model must not be trained on. `what` ends the sentence "NAME is …". */
export interface Refusal {
  readonly what: string;
  readonly cure: string;
}
