export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A date-time string at UTC, such as 2007-12-03T10:15:30Z, compliant with the `date-time` format outlined in section 5.6 of the RFC 3339 profile of the ISO 8601 standard for representation of dates and times using the Gregorian calendar.This scalar is serialized to a string in ISO 8601 format and parsed from a string in ISO 8601 format. */
  DateTimeISO: { input: string; output: string; }
  /** A JPEG, PNG or WebP as base64 or as a data URI; only ever an input. */
  Image: { input: string; output: string; }
  /** Base64 of little-endian float32 values; as an input also a list of finite numbers. */
  Vector: { input: string | readonly number[]; output: string; }
};

/** One principal component of the lexicon's vectors, named by the human norm that it predicts best. */
export type Axis = {
  /** Share of the total variance, 0 to 1. */
  explainedVariance: Scalars['Float']['output'];
  /** Frequent words at the high end, most extreme first. */
  high: Array<Scalars['String']['output']>;
  /** From 0, by explained variance. */
  index: Scalars['Int']['output'];
  /** Frequent words at the low end, most extreme first. */
  low: Array<Scalars['String']['output']>;
  name: Scalars['String']['output'];
  /** The norm that names the axis, if one predicts it. */
  norm?: Maybe<Scalars['String']['output']>;
  /** Pearson r with that norm, -1 to 1. */
  r?: Maybe<Scalars['Float']['output']>;
};

/** Where a concept stands on an axis. */
export type AxisScore = {
  axis: Axis;
  /** (vector - mean) . component, in units of the raw vector. */
  value: Scalars['Float']['output'];
};

/** A rectangle in shares of the picture's width and height, 0 to 1, from its left upper corner. */
export type Box = {
  height: Scalars['Float']['output'];
  width: Scalars['Float']['output'];
  x: Scalars['Float']['output'];
  y: Scalars['Float']['output'];
};

/** A user's own texts or pictures, with vectors of one model. */
export type Collection = {
  /** Items that pass the filters, which must all hold. */
  count: Scalars['Int']['output'];
  createdAt: Scalars['DateTimeISO']['output'];
  /** Whether its vectors are of the served model; if not, `groundwire reembed ID` makes them so. */
  current: Scalars['Boolean']['output'];
  dimension: Scalars['Int']['output'];
  /** Hash over that bundle's weights. */
  fingerprint: Scalars['String']['output'];
  id: Scalars['ID']['output'];
  items: CollectionItemConnection;
  kind: CollectionKind;
  /** Name of the bundle that its vectors come from. */
  model: Scalars['String']['output'];
};


/** A user's own texts or pictures, with vectors of one model. */
export type CollectionCountArgs = {
  metadata?: InputMaybe<Array<MetadataFilterInput>>;
};


/** A user's own texts or pictures, with vectors of one model. */
export type CollectionItemsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  metadata?: InputMaybe<Array<MetadataFilterInput>>;
};

/** A text or picture of a collection. */
export type CollectionItem = {
  id: Scalars['ID']['output'];
  metadata: Array<MetadataEntry>;
  /** Null for a picture. */
  text?: Maybe<Scalars['String']['output']>;
};

/** A page of items in the order of their ids, after the Relay cursor specification. */
export type CollectionItemConnection = {
  edges: Array<CollectionItemEdge>;
  nodes: Array<CollectionItem>;
  pageInfo: PageInfo;
};

export type CollectionItemEdge = {
  cursor: Scalars['String']['output'];
  node: CollectionItem;
};

/** What a collection holds. */
export type CollectionKind =
  | 'IMAGES'
  | 'TEXTS';

/** Several terms as one meaning. */
export type Composition = {
  method: CompositionMethod;
  neighbors: Array<Neighbor>;
  /** Euclidean length before normalization. */
  norm: Scalars['Float']['output'];
  /** The phrase that was encoded (ENCODE). */
  text?: Maybe<Scalars['String']['output']>;
  /** True where a text that was encoded had more than the model's maxTokens. */
  truncated: Scalars['Boolean']['output'];
  /** Length 1. */
  vector: Scalars['Vector']['output'];
};

/** How terms become one meaning. */
export type CompositionMethod =
  /** Encode the terms of weight 1, joined by spaces, as one phrase; terms of negative weight are subtracted from it as in SUM. */
  | 'ENCODE'
  /** Sum of the terms' unit vectors times their weights. */
  | 'SUM';

/** What a word or phrase means: its vector, and reasons in words. */
export type Concept = {
  /** The axes on which the concept stands out most, by |value|. */
  axes: Array<AxisScore>;
  /** Predicted human rating of concreteness on its scale of 1 to 5, not clipped; null without that read-out. */
  concreteness?: Maybe<Scalars['Float']['output']>;
  /** Whether the text, as it is written, is an entry of the lexicon. */
  inLexicon: Scalars['Boolean']['output'];
  /** Entries of the lexicon by cosine. */
  neighbors: Array<Neighbor>;
  /** Euclidean length of the raw vector. */
  norm: Scalars['Float']['output'];
  /** The predicates that relate this concept, as subject, to an object. */
  relationsTo?: Maybe<Array<RelationScore>>;
  /** Cosine to another text, -1 to 1. */
  similarityTo?: Maybe<Scalars['Float']['output']>;
  text: Scalars['String']['output'];
  /** Tokens of the whole text, [CLS] and [SEP] included. */
  tokenCount: Scalars['Int']['output'];
  /** True where the text had more than the model's maxTokens. */
  truncated: Scalars['Boolean']['output'];
  vector: Scalars['Vector']['output'];
};


/** What a word or phrase means: its vector, and reasons in words. */
export type ConceptAxesArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What a word or phrase means: its vector, and reasons in words. */
export type ConceptNeighborsArgs = {
  excludeSelf?: InputMaybe<Scalars['Boolean']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


/** What a word or phrase means: its vector, and reasons in words. */
export type ConceptRelationsToArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  object: Scalars['String']['input'];
};


/** What a word or phrase means: its vector, and reasons in words. */
export type ConceptSimilarityToArgs = {
  text: Scalars['String']['input'];
};


/** What a word or phrase means: its vector, and reasons in words. */
export type ConceptVectorArgs = {
  normalize?: InputMaybe<Scalars['Boolean']['input']>;
};

/** Exactly one of text, vector or terms. */
export type ConceptQueryInput = {
  /** Summed as unit vectors times their weights. */
  terms?: InputMaybe<Array<TermInput>>;
  text?: InputMaybe<Scalars['String']['input']>;
  vector?: InputMaybe<Scalars['Vector']['input']>;
};

/** A text as a vector. */
export type Embedding = {
  /** Euclidean length before normalization. */
  norm: Scalars['Float']['output'];
  text: Scalars['String']['output'];
  /** Tokens of the whole text, [CLS] and [SEP] included. */
  tokenCount: Scalars['Int']['output'];
  /** True where the text had more than the model's maxTokens. */
  truncated: Scalars['Boolean']['output'];
  vector: Scalars['Vector']['output'];
};

/** Single words, or phrases of several. */
export type EntryKind =
  | 'PHRASE'
  | 'WORD';

/** Where in a picture the words of a text are, and how well the two fit. */
export type Grounding = {
  /** Positions from left to right. */
  columns: Scalars['Int']['output'];
  /** The picture with heat maps and boxes as a PNG in base64: of one word by its index, or of all. */
  overlay?: Maybe<Scalars['String']['output']>;
  /** Positions from top to bottom. */
  rows: Scalars['Int']['output'];
  /** Mean over the text's tokens of their largest inner product with any position, unbounded. */
  score: Scalars['Float']['output'];
  /** True where the text had more than the model's maxTokens; words beyond have no map. */
  truncated: Scalars['Boolean']['output'];
  words: Array<WordGrounding>;
};


/** Where in a picture the words of a text are, and how well the two fit. */
export type GroundingOverlayArgs = {
  word?: InputMaybe<Scalars['Int']['input']>;
};

/** A picture of a collection, ranked by cosine. */
export type ImageHit = {
  id: Scalars['ID']['output'];
  metadata: Array<MetadataEntry>;
  /** From 1. */
  rank: Scalars['Int']['output'];
  /** Cosine, -1 to 1. */
  similarity: Scalars['Float']['output'];
  /** What the model saw, 224 x 224 squashed, as a data URI of a JPEG. */
  thumbnail?: Maybe<Scalars['String']['output']>;
};

/** A page of pictures, after the Relay cursor specification. */
export type ImageHitConnection = {
  edges: Array<ImageHitEdge>;
  nodes: Array<ImageHit>;
  pageInfo: PageInfo;
};

export type ImageHitEdge = {
  cursor: Scalars['String']['output'];
  node: ImageHit;
};

export type ImageItemInput = {
  /** An item of the same id is replaced. 1 to 512 characters. */
  id: Scalars['ID']['input'];
  image: Scalars['Image']['input'];
  metadata?: InputMaybe<Array<MetadataEntryInput>>;
};

/** A picture, a text, or both. */
export type ImageQueryInput = {
  image?: InputMaybe<Scalars['Image']['input']>;
  /** All must hold. */
  metadata?: InputMaybe<Array<MetadataFilterInput>>;
  /** What pictures should not show: half of its vector is subtracted. */
  negativeText?: InputMaybe<Scalars['String']['input']>;
  text?: InputMaybe<Scalars['String']['input']>;
  /** alpha of (1 - alpha) image + alpha text, both at length 1; 0 to 1, 0.5 unless given. */
  textWeight?: InputMaybe<Scalars['Float']['input']>;
};

/** What one request may ask for. */
export type Limits = {
  /** Most bytes of a request body. */
  maxBodyBytes: Scalars['Int']['output'];
  /** Most neighbors in one answer. */
  maxFirst: Scalars['Int']['output'];
  /** Most UTF-16 code units of one text. */
  maxTextLength: Scalars['Int']['output'];
  /** Most items in a list argument. */
  maxTexts: Scalars['Int']['output'];
};

/** A value that an item is filtered by. A key may have several. */
export type MetadataEntry = {
  key: Scalars['String']['output'];
  value: Scalars['String']['output'];
};

export type MetadataEntryInput = {
  /** 1 to 128 characters. */
  key: Scalars['String']['input'];
  /** At most 1024 characters. */
  value: Scalars['String']['input'];
};

/** Holds for items that have one of the values for the key. */
export type MetadataFilterInput = {
  in: Array<Scalars['String']['input']>;
  key: Scalars['String']['input'];
};

/** The bundle that is served. */
export type Model = {
  /** Values in a vector. */
  dimension: Scalars['Int']['output'];
  /** Hash over all weights: vectors of different fingerprints never mix. */
  fingerprint: Scalars['String']['output'];
  /** Words and phrases that neighbors are sought among. */
  lexiconSize: Scalars['Int']['output'];
  limits: Limits;
  /** Longest text in tokens, [CLS] and [SEP] included; longer ones are truncated and say so. */
  maxTokens: Scalars['Int']['output'];
  name: Scalars['String']['output'];
  /** How token vectors become one: mean, or mean-words without [CLS] and [SEP]. */
  pooling: Scalars['String']['output'];
  readouts: Array<Readout>;
  /** base (no photos seen), grounded or relational. */
  stage: Scalars['String']['output'];
};

export type Mutation = {
  /** Makes an empty collection for the served model. Its id is 1 to 64 of a-z, 0-9, _ and -. */
  createCollection?: Maybe<Collection>;
  /** Deletes a collection with all of its items. */
  deleteCollection?: Maybe<Scalars['Boolean']['output']>;
  /** Deletes items; answers how many there were. */
  deleteItems?: Maybe<Scalars['Int']['output']>;
  /** Inserts pictures, or replaces those of the same id. In order; a bad item is null with an error at its place, and its neighbors are stored. */
  upsertImages?: Maybe<Array<Maybe<UpsertedItem>>>;
  /** Inserts texts, or replaces those of the same id. In order; a bad item is null with an error at its place, and its neighbors are stored. */
  upsertTexts?: Maybe<Array<Maybe<UpsertedItem>>>;
};


export type MutationCreateCollectionArgs = {
  id: Scalars['ID']['input'];
  kind: CollectionKind;
};


export type MutationDeleteCollectionArgs = {
  id: Scalars['ID']['input'];
};


export type MutationDeleteItemsArgs = {
  collection: Scalars['ID']['input'];
  ids: Array<Scalars['ID']['input']>;
};


export type MutationUpsertImagesArgs = {
  collection: Scalars['ID']['input'];
  items: Array<ImageItemInput>;
};


export type MutationUpsertTextsArgs = {
  collection: Scalars['ID']['input'];
  items: Array<TextItemInput>;
};

/** An entry of the lexicon, ranked by cosine. */
export type Neighbor = {
  /** Null for an entry of the lexicon. */
  id?: Maybe<Scalars['ID']['output']>;
  /** From 1. */
  rank: Scalars['Int']['output'];
  /** Cosine, -1 to 1; of completeRelation the score of the triple, unbounded. */
  similarity: Scalars['Float']['output'];
  text: Scalars['String']['output'];
};

/** A page of neighbors, after the Relay cursor specification. */
export type NeighborConnection = {
  edges: Array<NeighborEdge>;
  nodes: Array<Neighbor>;
  pageInfo: PageInfo;
};

export type NeighborEdge = {
  cursor: Scalars['String']['output'];
  node: Neighbor;
};

/** Which entries of the lexicon count. */
export type NeighborFilter = {
  /** Search this collection of texts, not the lexicon; the query's own texts are then kept. */
  collection?: InputMaybe<Scalars['ID']['input']>;
  /** Entries to leave out. */
  exclude?: InputMaybe<Array<Scalars['String']['input']>>;
  kind?: InputMaybe<EntryKind>;
  /** Only in a collection; all must hold. */
  metadata?: InputMaybe<Array<MetadataFilterInput>>;
  /** Least cosine, -1 to 1. */
  minSimilarity?: InputMaybe<Scalars['Float']['input']>;
  /** Only entries that begin with this. */
  prefix?: InputMaybe<Scalars['String']['input']>;
};

export type ObjectPairInput = {
  object: Scalars['String']['input'];
  subject: Scalars['String']['input'];
};

/** The text that fits least with the others. */
export type OddOneOut = {
  /** Its place in the list, from 0. */
  index: Scalars['Int']['output'];
  /** Mean cosine of each text to the others, in the list's order. */
  scores: Array<Scalars['Float']['output']>;
  text: Scalars['String']['output'];
};

export type PageInfo = {
  endCursor?: Maybe<Scalars['String']['output']>;
  hasNextPage: Scalars['Boolean']['output'];
  hasPreviousPage: Scalars['Boolean']['output'];
  startCursor?: Maybe<Scalars['String']['output']>;
};

/** One pair of a list with its relations. */
export type PairRelations = {
  object: Scalars['String']['output'];
  relations: Array<RelationScore>;
  subject: Scalars['String']['output'];
};

/** A relation that the model knows. */
export type Predicate = {
  /** Other spellings that are understood. */
  aliases: Array<Scalars['String']['output']>;
  /** Times that the text-only training triples use it. */
  count: Scalars['Int']['output'];
  /** The predicate that reads the same pair from its other end: X above Y is Y below X. */
  inverse?: Maybe<Scalars['String']['output']>;
  name: Scalars['String']['output'];
};

export type Query = {
  /** a is to b as c is to what? Entries nearest to b - a + c. */
  analogy?: Maybe<Array<Neighbor>>;
  /** The axes of the space, by explained variance. */
  axes: Array<Axis>;
  /** Null where there is none of this id. */
  collection?: Maybe<Collection>;
  /** All collections, in the order of their ids. */
  collections: Array<Collection>;
  /** The lexicon's entries that best complete a triple of which subject or object is missing: by the relation's score, and by how often training saw the entry at that end and the very triple. */
  completeRelation?: Maybe<Array<Neighbor>>;
  /** Several terms as one meaning, with its neighbors. */
  compose?: Maybe<Composition>;
  /** A word or phrase with its meaning. */
  concept?: Maybe<Concept>;
  /** Words and phrases with their meanings, in order. A bad text is null with an error at its place. */
  concepts?: Maybe<Array<Maybe<Concept>>>;
  /** Texts as vectors, in order. A bad text is null with an error at its place. */
  embed?: Maybe<Array<Maybe<Embedding>>>;
  /** Where in a picture each word of a text is, and how well the two fit. */
  ground?: Maybe<Grounding>;
  /** inferRelations for many pairs, in order. A bad pair is null with an error at its place. */
  inferPairRelations?: Maybe<Array<Maybe<PairRelations>>>;
  /** The predicates that relate subject to object, best first. */
  inferRelations?: Maybe<Array<RelationScore>>;
  /** The bundle that is served, and its limits. */
  model: Model;
  /** Entries of the lexicon by cosine, exact; equal ones by frequency. The query's own texts are left out. */
  nearestNeighbors?: Maybe<NeighborConnection>;
  /** Of three or more texts the one that fits least. */
  oddOneOut?: Maybe<OddOneOut>;
  /** The relations that the model knows, most frequent first. */
  predicates?: Maybe<Array<Predicate>>;
  /** Pictures of a collection by cosine to a picture, a text, or both; exact. */
  searchImages?: Maybe<ImageHitConnection>;
  /** Cosine of each pair, -1 to 1, in order. A bad pair is null with an error at its place. */
  similarity?: Maybe<Array<Maybe<Scalars['Float']['output']>>>;
};


export type QueryAnalogyArgs = {
  a: Scalars['String']['input'];
  b: Scalars['String']['input'];
  c: Scalars['String']['input'];
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryCollectionArgs = {
  id: Scalars['ID']['input'];
};


export type QueryCompleteRelationArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  object?: InputMaybe<Scalars['String']['input']>;
  predicate: Scalars['String']['input'];
  subject?: InputMaybe<Scalars['String']['input']>;
};


export type QueryComposeArgs = {
  excludeTerms?: InputMaybe<Scalars['Boolean']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  method?: InputMaybe<CompositionMethod>;
  terms: Array<TermInput>;
};


export type QueryConceptArgs = {
  text: Scalars['String']['input'];
};


export type QueryConceptsArgs = {
  texts: Array<Scalars['String']['input']>;
};


export type QueryEmbedArgs = {
  normalize?: InputMaybe<Scalars['Boolean']['input']>;
  space?: InputMaybe<Space>;
  texts: Array<Scalars['String']['input']>;
};


export type QueryGroundArgs = {
  image: Scalars['Image']['input'];
  text: Scalars['String']['input'];
};


export type QueryInferPairRelationsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  pairs: Array<ObjectPairInput>;
};


export type QueryInferRelationsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  image?: InputMaybe<Scalars['Image']['input']>;
  object: Scalars['String']['input'];
  subject: Scalars['String']['input'];
};


export type QueryNearestNeighborsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  filter?: InputMaybe<NeighborFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  query: ConceptQueryInput;
};


export type QueryOddOneOutArgs = {
  texts: Array<Scalars['String']['input']>;
};


export type QuerySearchImagesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  collection: Scalars['ID']['input'];
  first?: InputMaybe<Scalars['Int']['input']>;
  query: ImageQueryInput;
};


export type QuerySimilarityArgs = {
  pairs: Array<TextPairInput>;
};

/** A linear reading of a vector, fitted to human judgments. */
export type Readout = {
  /** regression or classification. */
  kind: Scalars['String']['output'];
  name: Scalars['String']['output'];
  /** Cross-validated r (or accuracy): how far to trust it, at most 1. */
  r: Scalars['Float']['output'];
};

/** How well a predicate relates a subject to an object. */
export type RelationScore = {
  /** Times that training saw this very triple. */
  count: Scalars['Int']['output'];
  predicate: Predicate;
  /** Softmax of the scores over all predicates, 0 to 1. */
  probability: Scalars['Float']['output'];
  /** Bilinear score, unbounded; comparable within one answer. */
  score: Scalars['Float']['output'];
  /** Whether training saw this very triple; else it is inferred. */
  seen: Scalars['Boolean']['output'];
};

/** The space of an embedding. */
export type Space =
  /** The space of words: the language model's pooled last layer. */
  | 'GROUNDED';

/** A text and how much it counts. */
export type TermInput = {
  text: Scalars['String']['input'];
  /** -1000 to 1000; negative to subtract. */
  weight?: InputMaybe<Scalars['Float']['input']>;
};

export type TextItemInput = {
  /** An item of the same id is replaced. 1 to 512 characters. */
  id: Scalars['ID']['input'];
  metadata?: InputMaybe<Array<MetadataEntryInput>>;
  text: Scalars['String']['input'];
};

export type TextPairInput = {
  a: Scalars['String']['input'];
  b: Scalars['String']['input'];
};

/** An item that is durable now. */
export type UpsertedItem = {
  id: Scalars['ID']['output'];
  /** True where the text had more than the model's maxTokens: its vector is of the beginning. */
  truncated: Scalars['Boolean']['output'];
};

/** Where in a picture a word is. */
export type WordGrounding = {
  /** Around the best position and all that hang together with it at 0.75 or more. */
  box: Box;
  /** Largest inner product with any position, unbounded: how strongly the picture shows the word. */
  score: Scalars['Float']['output'];
  /** The word as the text writes it. */
  text: Scalars['String']['output'];
  /** One value a position, in row order: 0 where the word fits least, 1 where it fits best. */
  values: Array<Scalars['Float']['output']>;
};
