import { Client } from "./client.js";

/** A small network of handwritten digits that learns in the tab. An image is 28 × 28 numbers from 0 (paper) to 1 (ink). */
export class DigitTrainer implements Disposable {
  private constructor(
    private readonly client: Client,
    private readonly id: number,
    /** What computes. */
    readonly backend: "wgpu" | "cpu",
  ) {}

  /** A fresh network; its first weights depend on `seed` alone. */
  static async create(options: { backend?: "auto" | "wgpu" | "cpu"; seed?: number; worker?: boolean } = {}): Promise<DigitTrainer> {
    const client = Client.shared(options.worker);
    const { trainer, backend } = await client.call("trainer", { backend: options.backend ?? "auto", seed: options.seed ?? 42 });
    return new DigitTrainer(client, trainer, backend);
  }

  /** One step on images, one after another, and their labels; returns the loss before it. Throws `input`. */
  async step(images: Float32Array, labels: Int32Array): Promise<number> {
    return await this.client.call("step", { trainer: this.id, images, labels });
  }

  /** Ten probabilities for each image. Throws `input`. */
  async probabilities(images: Float32Array): Promise<Float32Array> {
    return await this.client.call("probabilities", { trainer: this.id, images });
  }

  /** The weights as a safetensors file. */
  async save(): Promise<Uint8Array> {
    return await this.client.call("weights", { trainer: this.id });
  }

  dispose(): void {
    void this.client.call("release", { trainer: this.id }).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
