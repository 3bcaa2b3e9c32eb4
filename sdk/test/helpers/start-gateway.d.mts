export interface Gateway {
  /** GraphQL endpoint. */
  url: string;
  stop: () => Promise<void>;
}

export function startGateway(settings?: Record<string, string>): Promise<Gateway>;
