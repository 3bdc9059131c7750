//! Text against Python's reading of it.

mod golden;

use hadal_data::text::{self, CharVocabulary, Windows};
use hadal_data::{DataLoader, Dataset};
use hadal_graph::HostTensor;
use serde_json::Value;

#[test]
fn king_james_is_what_python_reads() {
    let found = text::king_james();
    if !golden::installed(&found) {
        return;
    }
    let (text, expected) = (found.unwrap(), golden::json("king_james.json"));
    assert_eq!(Value::from(text.chars().count()), expected["characters"]);
    let vocabulary = CharVocabulary::of(&text);
    assert_eq!(Value::from(vocabulary.characters().iter().collect::<String>()), expected["vocabulary"]);
    let tokens = vocabulary.encode(&text).unwrap();
    let numbers = tokens.to_vec::<i32>().unwrap();
    assert_eq!(Value::from(numbers[5000..5020].to_vec()), expected["tokens"]);
    let weighted: i64 = numbers[..100_000].iter().zip(0..).map(|(&token, at)| i64::from(token) * at).sum();
    assert_eq!(Value::from(weighted), expected["weighted"]);
    assert_eq!(vocabulary.decode(&numbers).unwrap(), text);
    let (train, held_out) = text::hold_out(&tokens, 0.05).unwrap();
    assert_eq!(held_out.elements(), (tokens.elements() as f64 * 0.05).round() as usize);
    assert_eq!(train.elements() + held_out.elements(), tokens.elements());
    assert_eq!(held_out.to_vec::<i32>().unwrap().last(), numbers.last());
}

#[test]
fn windows_predict_each_token_once() {
    let tokens = HostTensor::new([11], &(0..11).collect::<Vec<i32>>()).unwrap();
    let windows = Windows::new(tokens.clone(), 3, 3).unwrap();
    assert_eq!(windows.len(), 3);
    let rows = |name: &str| -> Vec<Vec<i32>> {
        (0..3).map(|i| windows.get(i, 0).unwrap().field(name).unwrap().to_vec().unwrap()).collect()
    };
    assert_eq!(rows("input"), [[0, 1, 2], [3, 4, 5], [6, 7, 8]]);
    assert_eq!(rows("target"), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    assert!(windows.get(3, 0).is_err());
    // Every start, for every length around the end.
    let len = |length, stride| Windows::new(tokens.clone(), length, stride).unwrap().len();
    assert_eq!((len(3, 1), len(10, 1), len(11, 1), len(4, 3)), (8, 1, 0, 3));
    assert!(Windows::new(tokens.clone(), 0, 1).is_err() && Windows::new(tokens, 1, 0).is_err());
    let stacked = DataLoader::builder(windows.clone()).batch_size(2).shuffle(1).build().unwrap();
    let single = DataLoader::builder(windows.map(Ok)).batch_size(2).shuffle(1).build().unwrap();
    for (a, b) in stacked.epoch(0).zip(single.epoch(0)) {
        assert_eq!(a.unwrap(), b.unwrap());
    }
}

#[test]
fn a_vocabulary_survives_being_written_down() {
    let vocabulary = CharVocabulary::of("snow ☃");
    let again = CharVocabulary::from_characters(vocabulary.characters().iter().copied());
    assert_eq!(vocabulary, again);
    let error = vocabulary.encode("snail").unwrap_err().to_string();
    assert!(error.contains("character 2: found 'a'"), "{error}");
    assert!(vocabulary.decode(&[99]).is_err() && vocabulary.decode(&[-1]).is_err());
    let folder = std::env::temp_dir().join(format!("hadal-data-text-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("latin1.txt");
    std::fs::write(&file, b"one\ncaf\xe9\n").unwrap();
    let error = text::read(&file).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(error.contains("line 2") && error.contains("0xe9") && error.contains("iconv"), "{error}");
}
