/**
 * What @groundwire/client asks, each field with all of its arguments and selections. A test sends every call of the SDK
 * through a server that trusts nothing else.
 */
export const SDK_DOCUMENTS = /* GraphQL */ `
  query Embed($texts: [String!]!, $space: Space, $normalize: Boolean) {
    embed(texts: $texts, space: $space, normalize: $normalize) {
      text
      vector
      norm
      tokenCount
      truncated
    }
  }

  query Concepts($text: String!, $texts: [String!]!, $first: Int, $other: String!, $normalize: Boolean) {
    concept(text: $text) {
      ...Meaning
    }
    concepts(texts: $texts) {
      ...Meaning
    }
  }

  fragment Meaning on Concept {
    text
    inLexicon
    norm
    tokenCount
    truncated
    concreteness
    vector(normalize: $normalize)
    neighbors(first: $first, excludeSelf: $normalize) {
      ...Entry
    }
    axes(first: $first) {
      axis {
        ...AxisFields
      }
      value
    }
    similarityTo(text: $other)
  }

  fragment Entry on Neighbor {
    text
    similarity
    rank
  }

  fragment AxisFields on Axis {
    index
    name
    norm
    r
    explainedVariance
    low
    high
  }

  query Similarity($pairs: [TextPairInput!]!) {
    similarity(pairs: $pairs)
  }

  query Neighbors($query: ConceptQueryInput!, $first: Int, $after: String, $filter: NeighborFilter) {
    nearestNeighbors(query: $query, first: $first, after: $after, filter: $filter) {
      edges {
        cursor
        node {
          ...Entry
        }
      }
      nodes {
        ...Entry
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }

  query Composition(
    $terms: [TermInput!]!
    $method: CompositionMethod
    $first: Int
    $excludeTerms: Boolean
    $a: String!
    $b: String!
    $c: String!
    $texts: [String!]!
  ) {
    compose(terms: $terms, method: $method, first: $first, excludeTerms: $excludeTerms) {
      method
      text
      vector
      norm
      neighbors {
        ...Entry
      }
    }
    analogy(a: $a, b: $b, c: $c, first: $first) {
      ...Entry
    }
    oddOneOut(texts: $texts) {
      text
      index
      scores
    }
  }

  query Model {
    model {
      name
      stage
      dimension
      maxTokens
      pooling
      fingerprint
      lexiconSize
      limits {
        maxTexts
        maxTextLength
        maxFirst
        maxBodyBytes
      }
      readouts {
        name
        kind
        r
      }
    }
    axes {
      ...AxisFields
    }
  }
`;
