//! Parquet and Arrow files in the layouts of Hugging Face against pyarrow.
#![cfg(feature = "parquet")]

mod golden;

use hadal_data::images::{self, Colour};
use hadal_data::table::{hugging_face, parquet};
use hadal_data::{Column, DataError, Table};
use hadal_graph::{DType, HostTensor};
use serde_json::Value;

/// All columns but `when`, whose type has no tensor.
const COLUMNS: [&str; 13] = [
    "id",
    "wide",
    "score",
    "half",
    "good",
    "label",
    "text",
    "long_text",
    "kind",
    "image",
    "tokens",
    "vector",
    "matrix",
];

/// A column as pyarrow would print it, with NaN as a missing value.
fn values(column: &Column) -> Vec<Value> {
    let scalar = |dtype: DType, value: hadal_graph::Scalar| match dtype {
        DType::Bool => Value::from(value.to_f64() != 0.0),
        dtype if dtype.is_float() && value.to_f64().is_nan() => Value::Null,
        dtype if dtype.is_float() => Value::from(value.to_f64()),
        _ => Value::from(value.to_i128() as i64),
    };
    fn nest(shape: &[usize], flat: &mut impl Iterator<Item = Value>) -> Value {
        match shape {
            [] => flat.next().unwrap(),
            [count, rest @ ..] => (0..*count).map(|_| nest(rest, flat)).collect(),
        }
    }
    let tensor = |tensor: &HostTensor| {
        nest(tensor.shape(), &mut tensor.scalars().map(|value| scalar(tensor.dtype(), value)))
    };
    match column {
        Column::Text(texts) => texts.iter().map(|text| Value::from(text.as_str())).collect(),
        Column::Bytes(rows) => rows.iter().map(|row| Value::from(row.to_vec())).collect(),
        Column::Ragged(rows) => rows.iter().map(tensor).collect(),
        Column::Tensor(all) => tensor(all).as_array().unwrap().clone(),
    }
}

/// Missing text is empty; numbers compare as numbers.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::String(text), Value::Null) => text.is_empty(),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => found == expected,
    }
}

fn check(table: &Table) {
    let expected = golden::json("columnar.json");
    let expected = expected.as_object().unwrap();
    assert_eq!((table.rows(), table.names().len()), (40, expected.len()));
    for (name, expected) in expected {
        let found = Value::from(values(table.column(name).unwrap()));
        assert!(same(&found, expected), "{name}: {found} for {expected}");
    }
    let dtype = |name: &str| table.tensor(name).unwrap().dtype();
    assert_eq!([dtype("id"), dtype("wide"), dtype("score")], [DType::I32, DType::F64, DType::F32]);
    assert_eq!([dtype("half"), dtype("good"), dtype("matrix")], [DType::F16, DType::Bool, DType::U8]);
    assert_eq!(table.tensor("vector").unwrap().shape(), [40, 3]);
    assert_eq!(table.tensor("matrix").unwrap().shape(), [40, 2, 2]);
    assert_eq!(table.class_names("label").unwrap(), ["no", "yes"]);
    let Column::Bytes(encoded) = table.column("image.bytes").unwrap() else { panic!("no bytes") };
    assert_eq!(images::from_bytes(&encoded[0], Colour::Grey).unwrap().shape(), [1, 13, 17]);
}

#[test]
fn the_layout_of_the_hub() {
    check(&hugging_face::load(golden::path("hub"), "train", &COLUMNS).unwrap());
    let test = hugging_face::load(golden::path("hub"), "test", &[]).unwrap();
    assert_eq!((test.rows(), test.names().collect::<Vec<_>>()), (3, vec!["id", "tokens", "text"]));
}

#[test]
fn the_layout_of_save_to_disk() {
    check(&hugging_face::load(golden::path("saved"), "train", &COLUMNS).unwrap());
    check(&hugging_face::load(golden::path("saved/train"), "train", &COLUMNS).unwrap());
}

#[test]
fn what_is_wrong_is_said() {
    let message = |folder: &str, split: &str, columns: &[&str]| {
        hugging_face::load(golden::path(folder), split, columns).unwrap_err().to_string()
    };
    assert!(message("hub", "valid", &[]).contains("no files of the split `valid`"));
    assert!(message("saved/train", "test", &[]).contains("found the split `train`, expected `test`"));
    let root = std::env::temp_dir().join(format!("hadal-data-hub-{}", std::process::id()));
    for folder in ["small", "large"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
        std::fs::write(root.join(folder).join("train-00000-of-00001.parquet"), "").unwrap();
    }
    let several = hugging_face::files(&root, "train").unwrap_err().to_string();
    let one = hugging_face::files(&root.join("small"), "train").unwrap();
    std::fs::remove_dir_all(&root).unwrap();
    assert!(several.contains("small") && several.contains("name the folder of one of them"), "{several}");
    assert_eq!(one.len(), 1);
    let unsupported = message("hub", "train", &[]);
    assert!(
        unsupported.contains("column `when`") && unsupported.contains("name the columns"),
        "{unsupported}"
    );
    let missing = hugging_face::load(golden::path("hub"), "train", &["nothing"]);
    assert!(matches!(missing, Err(DataError::Field { .. })));
    let file = std::fs::read(golden::path("hub/data/train-00000-of-00002.parquet")).unwrap();
    assert!(parquet::from_bytes(file[..file.len() - 9].to_vec(), &[]).is_err());
    assert!(parquet::read(golden::path("table.csv"), &[]).is_err());
}
