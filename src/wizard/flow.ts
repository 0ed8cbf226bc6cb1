/** All questions, in their order. */
import type { Flow } from './machine.ts';
import type { Question } from './question.ts';
import { dataQuestions } from './questions/data.ts';
import { modelQuestions } from './questions/model.ts';
import { reviewQuestions } from './questions/review.ts';
import { settingQuestions } from './questions/settings.ts';
import { resourceQuestions, trainingQuestions } from './questions/training.ts';

export function wizardFlow(): Flow {
  const self = (): Flow => flow;
  const settings = settingQuestions(self);
  const group = (step: Question['step']) => settings.groups.filter((question) => question.step === step);
  const { review, onRequest } = reviewQuestions(self);
  const ordered = [
    ...dataQuestions,
    ...modelQuestions,
    ...group('model'),
    ...trainingQuestions,
    ...group('training'),
    ...resourceQuestions,
    ...group('resources'),
    review,
  ];
  const byId = new Map([...ordered, ...settings.single, ...onRequest].map((question) => [question.id, question]));
  const flow: Flow = { ordered, find: (id) => byId.get(id) };
  return flow;
}
