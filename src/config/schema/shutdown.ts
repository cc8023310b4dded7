import { secondsOrZero, strict, withDefault } from './field.ts';

export const shutdownSchema = strict(
  {
    delay: withDefault(
      secondsOrZero('Between the end of readiness and the end of accepting, for load balancers in front to notice.'),
      5,
    ),
    drain: withDefault(secondsOrZero('How long requests under way may take to end before they are cut off.'), 30),
  },
  'The steps of an orderly stop.',
);
