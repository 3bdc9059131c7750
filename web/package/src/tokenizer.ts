// WordPiece, as BERT's tokenizers have it, from a tokenizer.json.

import { HadalError } from "./error.js";

interface File {
  truncation: { max_length: number } | null;
  added_tokens: { id: number; content: string; special: boolean }[];
  normalizer: { type: string; clean_text?: boolean; handle_chinese_chars?: boolean; strip_accents?: boolean | null; lowercase?: boolean } | null;
  pre_tokenizer: { type: string } | null;
  post_processor: Record<string, unknown> | null;
  model: {
    type?: string;
    unk_token: string;
    continuing_subword_prefix: string;
    max_input_chars_per_word: number;
    vocab: Record<string, number>;
  };
}

const CHINESE =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu;
const WORDS = /[!-/:-@[-`{-~\p{P}]|[^\s\u0085!-/:-@[-`{-~\p{P}]+/gu;

/** From text to token ids. */
export class Tokenizer {
  readonly #file: File;
  readonly #vocabulary: Map<string, number>;
  readonly #special: Map<string, number>;
  readonly #split: RegExp | undefined;
  readonly #before: number;
  readonly #after: number;

  /** Reads the text of a tokenizer.json. Throws `unsupported` for another kind than BERT's, `format` for what is no tokenizer. */
  constructor(source: string, url: string) {
    let file: File;
    try {
      file = JSON.parse(source) as File;
    } catch (error) {
      throw new HadalError("format", `${url} is no tokenizer: ${(error as Error).message}`);
    }
    const kinds = [file.model?.type ?? "WordPiece", file.normalizer?.type, file.pre_tokenizer?.type];
    const wanted = ["WordPiece", "BertNormalizer", "BertPreTokenizer"];
    const odd = kinds.find((kind, i) => kind !== wanted[i]);
    if (odd !== undefined || typeof file.model?.vocab !== "object") {
      throw new HadalError("unsupported", `${url} is a tokenizer of another kind than BERT's: it has ${kinds.join(", ")}\n  hint: make token ids yourself and use run()`);
    }
    this.#file = file;
    this.#vocabulary = new Map(Object.entries(file.model.vocab));
    const added = file.added_tokens ?? [];
    this.#special = new Map(added.map((token) => [token.content, token.id]));
    const names = added.map((token) => token.content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((a, b) => b.length - a.length);
    this.#split = names.length > 0 ? new RegExp(`(${names.join("|")})`, "u") : undefined;
    [this.#before, this.#after] = ["[CLS]", "[SEP]"].map((name) => {
      const id = this.#special.get(name) ?? this.#vocabulary.get(name);
      if (id === undefined) throw new HadalError("unsupported", `${url} has no token ${name}`);
      return id;
    }) as [number, number];
  }

  /** The ids of a text, with those of its beginning and end, cut to the length that the tokenizer states. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (const part of this.#split === undefined ? [text] : text.split(this.#split)) {
      const special = this.#special.get(part);
      if (special !== undefined) ids.push(special);
      else for (const [word] of this.#normalize(part).matchAll(WORDS)) this.#pieces(word, ids);
    }
    const longest = this.#file.truncation?.max_length;
    if (longest !== undefined) ids.length = Math.min(ids.length, Math.max(longest - 2, 0));
    return [this.#before, ...ids, this.#after];
  }

  #normalize(text: string): string {
    const rules = this.#file.normalizer;
    let result = text;
    if (rules?.clean_text ?? true) {
      result = result.replace(/(?![\t\n\r])[\p{C}\uFFFD]/gu, "").replace(/[\s\u0085]/gu, " ");
    }
    if (rules?.handle_chinese_chars ?? true) result = result.replace(CHINESE, " $& ");
    const lowercase = rules?.lowercase ?? true;
    if (rules?.strip_accents ?? lowercase) result = result.normalize("NFD").replace(/\p{Mn}/gu, "");
    // Letter by letter: what a letter becomes does not depend on its place in the word.
    if (lowercase) result = Array.from(result, (letter) => letter.toLowerCase()).join("");
    return result;
  }

  #pieces(word: string, ids: number[]): void {
    const { unk_token, continuing_subword_prefix, max_input_chars_per_word } = this.#file.model;
    const letters = Array.from(word);
    const unknown = this.#vocabulary.get(unk_token) ?? 0;
    if (letters.length > max_input_chars_per_word) {
      ids.push(unknown);
      return;
    }
    const found: number[] = [];
    for (let start = 0; start < letters.length; ) {
      let end = letters.length;
      let id: number | undefined;
      for (; end > start; end -= 1) {
        const piece = letters.slice(start, end).join("");
        id = this.#vocabulary.get(start === 0 ? piece : continuing_subword_prefix + piece);
        if (id !== undefined) break;
      }
      if (id === undefined) {
        ids.push(unknown);
        return;
      }
      found.push(id);
      start = end;
    }
    ids.push(...found);
  }
}
