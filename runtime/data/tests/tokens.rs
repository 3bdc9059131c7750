//! Tokens against the Python library `tokenizers`.
#![cfg(feature = "tokenizers")]

mod golden;

use hadal_data::tokens::Tokenizer;
use hadal_data::{Column, DataLoader, PadSequence, Table};
use serde_json::Value;

#[test]
fn texts_become_the_tokens_that_python_gives() {
    let expected = golden::json("tokens.json");
    let tokenizer = Tokenizer::read(golden::path("tokenizer.json")).unwrap();
    assert_eq!(Value::from(tokenizer.len()), expected["len"]);
    assert_eq!(tokenizer.token("[MASK]"), Some(1));
    assert_eq!(tokenizer.token("nothing"), None);
    let mut texts = Vec::new();
    for case in expected["texts"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        for (name, special) in [("special", true), ("plain", false)] {
            let tokens = tokenizer.encode(text, special).unwrap().to_vec::<i32>().unwrap();
            assert_eq!(Value::from(tokens.clone()), case[name], "{text}");
            assert_eq!(tokenizer.decode(&tokens).unwrap().trim(), text.replace("[MASK]", "").trim());
        }
        texts.push(text.to_string());
    }
    // A column of texts becomes a column of tokens, and that a padded batch.
    let tokens = tokenizer.encode_all(&texts, true).unwrap();
    let longest = tokens.iter().map(|t| t.elements()).max().unwrap();
    let table = Table::new(vec![("text".into(), Column::Text(texts))]).unwrap();
    let table = table.with("tokens", Column::Ragged(tokens)).unwrap();
    let pad = PadSequence::new().pad("tokens", 0.0).mask("tokens", "mask");
    let dataset = table.dataset(&["tokens"]).unwrap();
    let loader = DataLoader::builder(dataset).batch_size(4).collate(pad).build().unwrap();
    let batch = loader.epoch(0).next().unwrap().unwrap();
    assert_eq!(batch.field("tokens").unwrap().shape(), [4, longest]);
    assert_eq!(batch.field("mask").unwrap().shape(), [4, longest]);
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    assert!(Tokenizer::from_bytes(b"{}").is_err());
    let error = Tokenizer::read(golden::path("tokens.json")).unwrap_err().to_string();
    assert!(error.contains("tokens.json") && error.contains("a tokenizer.json"), "{error}");
    let tokenizer = Tokenizer::read(golden::path("tokenizer.json")).unwrap();
    assert!(tokenizer.decode(&[-1]).is_err());
}
