/** All questions, in their order. */

import { dataQuestions } from './data.ts';
import type { Flow } from './machine.ts';
import { modelQuestions } from './model.ts';
import { noticeQuestions } from './notices.ts';
import type { Question } from './question.ts';
import { reviewQuestions } from './review.ts';
import { settingQuestions } from './settings.ts';
import { trainingQuestions } from './training.ts';
import { resourceQuestions } from './where.ts';

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
    noticeQuestions.menu,
    review,
  ];
  const apart = [...settings.single, ...noticeQuestions.single, ...onRequest];
  const byId = new Map([...ordered, ...apart].map((question) => [question.id, question]));
  const flow: Flow = { ordered, find: (id) => byId.get(id) };
  return flow;
}
