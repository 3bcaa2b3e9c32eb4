import type { Sharp } from "sharp";

export function plain(color: string, width?: number, height?: number): Sharp;
export function halves(width?: number, height?: number): Sharp;
export function noise(width?: number, height?: number): Sharp;
export function bomb(width: number, height: number): Promise<Buffer>;
export function animatedWebp(): Promise<Buffer>;
export function animatedPng(): Promise<Buffer>;
