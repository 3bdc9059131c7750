// Texts, and what the native command makes of them.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export const TEXTS = [
  "The cat sleeps on the warm windowsill.",
  "A dog barks at the mailman.",
  "Zażółć gęślą jaźń, NAÏVE café — déjà vu!",
  "深度学习 in 2024: f(x)=x²+1; don't split_this/that... [SEP] end",
  "Supercalifragilisticexpialidocious\tantidisestablishmentarianism\u00a0ﬁn 🙂 $5.99",
  "",
  "word ".repeat(200),
];

/** What the command says about the texts, on cpu. */
export async function native(harness, texts, model = "minilm") {
  const command = harness.setting("HADAL_COMMAND");
  // An empty argument is a text; a line break would be one of its own.
  const { stdout } = await promisify(execFile)(command, ["embed", "--backend", "cpu", "--model", model, "--", ...texts], { maxBuffer: 64 << 20 });
  return stdout.trim().split("\n").map((line) => JSON.parse(line).embedding);
}
