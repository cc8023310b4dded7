import {
  type Static,
  type TArray,
  type TObject,
  type TOptional,
  type TRecord,
  type TSchema,
  type TUnion,
  Type,
} from 'typebox';

/** Marks, for the type checker only, a field that has a default: it may be left out, and is always there once filled in. */
export interface Defaulted {
  readonly '~defaulted': true;
}

/** A field that may be left out; `value` stands in for it. */
export function withDefault<S extends TSchema>(schema: S, value: Static<S>): TOptional<S> & Defaulted {
  const optional = Type.Optional(schema);
  return Object.assign(optional, { default: value }) as unknown as TOptional<S> & Defaulted;
}

type SometimesAbsent<P> = {
  [K in keyof P]: P[K] extends Defaulted ? never : P[K] extends TOptional ? K : never;
}[keyof P];

type Flat<T> = { [K in keyof T]: T[K] };

/** The type of a value of schema `S` after its defaults are filled in, read-only all the way down. */
export type Filled<S> =
  S extends TObject<infer P>
    ? Flat<
        { readonly [K in Exclude<keyof P, SometimesAbsent<P>>]: Filled<P[K]> } & {
          readonly [K in SometimesAbsent<P>]?: Filled<P[K]>;
        }
      >
    : S extends TArray<infer I>
      ? readonly Filled<I>[]
      : S extends TUnion<infer U>
        ? Filled<U[number]>
        : S extends TRecord<string, infer V>
          ? Readonly<Record<string, Filled<V>>>
          : S extends TSchema
            ? Static<S>
            : never;

/**
 * What a schema says besides JSON Schema's own keywords. `expects` finishes the sentence "must be …" when a value does not
 * match; `like` is the path of an object with the same fields, which the reference page describes; a `secret` is never shown.
 */
export interface Notes {
  readonly expects?: string;
  readonly like?: string;
  readonly secret?: boolean;
}

/** An object without room for unknown keys. */
export function strict<P extends Record<string, TSchema>>(
  properties: P,
  description: string,
  notes: Notes = {},
): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, description, ...notes });
}

/** Longest time that a timer can hold: 2³¹ ms, rounded down. */
const MAX_SECONDS = 2_000_000;

/** A time in seconds, above zero; fractions are allowed. */
export function seconds(description: string) {
  return Type.Number({ exclusiveMinimum: 0, maximum: MAX_SECONDS, description: `${description} Seconds.` });
}

/** A time in seconds that may be zero. */
export function secondsOrZero(description: string) {
  return Type.Number({ minimum: 0, maximum: MAX_SECONDS, description: `${description} Seconds.` });
}

export function text(description: string, notes: Notes & { pattern?: string; maxLength?: number } = {}) {
  return Type.String({ minLength: 1, description, ...notes });
}

export function count(description: string, minimum: number, maximum: number) {
  return Type.Integer({ minimum, maximum, description });
}

/** A share in percent, above 0 unless the bounds say otherwise. */
export function percent(
  description: string,
  bounds: { minimum: number } | { exclusiveMinimum: number } = { exclusiveMinimum: 0 },
) {
  return Type.Number({ ...bounds, maximum: 100, description: `${description} Percent.` });
}

export function flag(description: string) {
  return Type.Boolean({ description });
}

export function port(description: string) {
  return Type.Integer({ minimum: 1, maximum: 65_535, description });
}

/** A map from names to texts. */
export function texts(description: string) {
  return Type.Record(Type.String(), Type.String(), { description });
}
