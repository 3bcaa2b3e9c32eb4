export function half(bytes: Promise<Buffer>): Promise<Buffer>;
export const badPictures: [name: string, make: () => Promise<string | Buffer>, code: string][];
export const oddPictures: [name: string, make: () => Promise<Buffer>][];
