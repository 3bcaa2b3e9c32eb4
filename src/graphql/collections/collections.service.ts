import { createHash } from "node:crypto";
import type { Upserted } from "../../collections/collections.js";
import type { CollectionInfo, ItemFilter, ItemHit } from "../../collections/vector-store.js";
import { mixQuery } from "../../collections/mix.js";
import { GroundwireError, isGroundwireError } from "../../errors.js";
import { checkWhole } from "../../inference/tokenizer.js";
import { checkFirst } from "../checks.js";
import type { Context } from "../context.js";
import { createCursorCodec, type QueryInputs } from "../neighbors/cursor.js";
import type { PageInfo } from "../neighbors/neighbors.type.js";
import type { ImageQueryInput, MetadataFilterInput } from "./collections.input.js";
import type { Collection, CollectionItemConnection, ImageHitConnection } from "./collections.type.js";

/** Deepest rank that pages reach: beyond it every page would sort most of the collection. */
export const MAX_DEPTH = 10_000;
const DEFAULT_TEXT_WEIGHT = 0.5;

export function toCollection(info: CollectionInfo, { collections }: Context): Collection {
  const { id, kind, model, fingerprint, dimension, createdAt } = info;
  const current = fingerprint === collections.stamp.fingerprint;
  // The two enums have the same names.
  return { info, id, kind: kind as Collection["kind"], model, fingerprint, current, dimension, createdAt };
}

/** Each upserted item, or its error in its own place. */
export async function inPlace(
  items: readonly unknown[],
  upserting: Promise<(Upserted | GroundwireError)[]>,
): Promise<Promise<Upserted>[]> {
  const results = await upserting;
  return items.map((_, i) => {
    const result = results[i] as Upserted | GroundwireError;
    return isGroundwireError(result) ? Promise.reject(result) : Promise.resolve(result);
  });
}

export function toFilter(metadata: MetadataFilterInput[] | null | undefined): ItemFilter {
  return metadata ? { metadata } : {};
}

export interface PageRequest {
  first: number;
  after?: string | null;
}

/** One page of a collection's items. A cursor is an id, so that pages stay right while items come and go. */
export async function listItems(
  { info }: Collection,
  { first, after, filter }: PageRequest & { filter: ItemFilter },
  context: Context,
): Promise<CollectionItemConnection> {
  checkFirst(first, context);
  const afterId = after ? decodeId(after) : undefined;
  const { collections, signal, turns } = context;
  const page = { limit: first + 1, after: afterId, filter, signal };
  const found = await turns(() => collections.page(info, page));
  const nodes = found.slice(0, first);
  const edges = nodes.map((node) => ({ node, cursor: Buffer.from(node.id).toString("base64url") }));
  return { edges, nodes, pageInfo: toPageInfo(edges, found.length > first, Boolean(after)) };
}

function decodeId(cursor: string): string {
  const id = Buffer.from(cursor, "base64url").toString("utf8");
  if (id !== "" && Buffer.from(id).toString("base64url") === cursor) return id;
  throw bad(`after must be a cursor of this list, is ${JSON.stringify(cursor.slice(0, 80))}`);
}

/** One page of the pictures nearest to a picture, a text, or both. */
export async function searchImages(
  collection: string,
  query: ImageQueryInput,
  page: PageRequest,
  withPictures: boolean,
  context: Context,
): Promise<ImageHitConnection> {
  checkQuery(query);
  const filter = toFilter(query.metadata);
  // Before anything is encoded, so that a wrong collection costs nothing.
  const { collections } = context;
  const info = await collections.usable(collection, "IMAGES");
  const vector = await encodeQuery(query, context);
  const { hits, ranks, ...rest } = await searchPage(
    {
      collection,
      kind: "IMAGES",
      vector,
      inputs: inputsOf(query),
      filter,
      filterField: "query.metadata",
    },
    page,
    context,
  );
  const ids = hits.map(({ id }) => id);
  const pictures = withPictures ? await collections.pictures(info, ids, context) : undefined;
  const nodes = hits.map(({ id, similarity, metadata }, i) => {
    const picture = pictures?.get(id) ?? null;
    const thumbnail = picture && `data:image/jpeg;base64,${Buffer.from(picture).toString("base64")}`;
    return { id, similarity, rank: ranks[i] as number, metadata, thumbnail };
  });
  return {
    nodes,
    edges: nodes.map((node, i) => ({ node, cursor: rest.cursors[i] as string })),
    pageInfo: rest.pageInfo,
  };
}

export interface CollectionSearch {
  collection: string;
  kind: CollectionInfo["kind"];
  /** [D], of any length but zero. */
  vector: Float32Array;
  /** The query as it was given, which cursors are tied to. */
  inputs: QueryInputs;
  filter: ItemFilter;
  /** Name of the filter's metadata in messages. @default "filter.metadata" */
  filterField?: string;
  /** Least cosine, -1 to 1. */
  minSimilarity?: number;
}

export interface HitPage {
  hits: ItemHit[];
  /** From 1, counted over all pages. */
  ranks: number[];
  cursors: string[];
  pageInfo: PageInfo;
}

/** @throws GroundwireError BAD_USER_INPUT for a page that begins at MAX_DEPTH; the one before ends there. */
export async function searchPage(
  {
    collection,
    kind,
    vector,
    inputs,
    filter,
    filterField: field,
    minSimilarity = -Infinity,
  }: CollectionSearch,
  { first, after }: PageRequest,
  context: Context,
): Promise<HitPage> {
  checkFirst(first, context);
  const { collections } = context;
  const codec = createCursorCodec(collections.stamp.fingerprint, inputs, {
    collection,
    filter,
    minSimilarity,
  });
  const offset = after ? codec.decode(after) : 0;
  if (offset >= MAX_DEPTH)
    throw bad(`after must be among the best ${MAX_DEPTH} hits, is the cursor of hit ${offset}`);
  const size = Math.min(first, MAX_DEPTH - offset);
  const search = { vector, limit: offset + size + 1, filter, field, signal: context.signal };
  const all = await collections.search(collection, kind, search);
  const found = all.filter(({ similarity }) => similarity >= minSimilarity).slice(offset);
  const hits = found.slice(0, size);
  const ranks = hits.map((_, i) => offset + i + 1);
  const cursors = ranks.map((rank) => codec.encode(rank));
  const edges = cursors.map((cursor) => ({ cursor }));
  return { hits, ranks, cursors, pageInfo: toPageInfo(edges, found.length > size, offset > 0) };
}

function checkQuery({ text, image, textWeight, negativeText }: ImageQueryInput): void {
  const given = [text, image].filter((part) => part !== undefined && part !== null).length;
  if (given === 0) {
    const found = negativeText != null ? "only negativeText" : "neither";
    throw bad(`query must have text, image or both, has ${found}`);
  }
  if (textWeight == null) return;
  if (given < 2) throw bad("query.textWeight must only be given with both text and image, which it weighs");
  if (!(textWeight >= 0 && textWeight <= 1)) throw bad(`query.textWeight must be 0 to 1, is ${textWeight}`);
}

function inputsOf({ text, negativeText, textWeight, image }: ImageQueryInput): QueryInputs {
  // Hashed, so that JSON need not repeat a picture.
  const picture = image == null ? null : createHash("sha256").update(image).digest("base64");
  return [text ?? null, negativeText ?? null, textWeight ?? DEFAULT_TEXT_WEIGHT, picture];
}

async function encodeQuery(query: ImageQueryInput, context: Context): Promise<Float32Array> {
  const { text, image, negativeText, textWeight } = query;
  const [textVector, negative, imageVector] = await Promise.all([
    encodeText(text, "query.text", context),
    encodeText(negativeText, "query.negativeText", context),
    encodeImage(image, context),
  ]);
  return mixQuery({
    text: textVector,
    negative,
    image: imageVector,
    textWeight: textWeight ?? DEFAULT_TEXT_WEIGHT,
  });
}

async function encodeText(
  text: string | null | undefined,
  field: string,
  { services, signal, timings }: Context,
): Promise<Float32Array | undefined> {
  if (text == null) return undefined;
  const [result] = await services.encoder.encode([text], {
    output: "retrieval",
    fields: [field],
    signal,
    timings,
  });
  if (!result || isGroundwireError(result)) throw result ?? new Error("no result");
  checkWhole(result, field, services.bundle.manifest.maxTokens);
  return result.vector;
}

async function encodeImage(
  image: string | null | undefined,
  { services, signal }: Context,
): Promise<Float32Array | undefined> {
  if (image == null) return undefined;
  const [result] = await services.visual.encode([image], { fields: ["query.image"], signal });
  if (!result || isGroundwireError(result)) throw result ?? new Error("no result");
  return result.embedding;
}

function toPageInfo(edges: { cursor: string }[], hasNextPage: boolean, hasPreviousPage: boolean): PageInfo {
  const startCursor = edges[0]?.cursor ?? null;
  return { hasNextPage, hasPreviousPage, startCursor, endCursor: edges.at(-1)?.cursor ?? null };
}

function bad(message: string): GroundwireError {
  return new GroundwireError("BAD_USER_INPUT", message);
}
