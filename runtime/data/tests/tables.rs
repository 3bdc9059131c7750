//! CSV and JSON lines against Python's own readers.
#![cfg(feature = "csv")]

mod golden;

use hadal_data::table::csv::{self, Kind, Options};
use hadal_data::table::json_lines;
use hadal_data::{Column, DataError, DataLoader, Dataset, PadSequence, Table};
use hadal_graph::{DType, HostTensor};
use serde_json::Value;

/// A column as Python would print it.
fn values(table: &Table, name: &str) -> Vec<Value> {
    let numbers = |tensor: &HostTensor| -> Vec<Value> {
        tensor
            .scalars()
            .map(|scalar| match tensor.dtype() {
                DType::Bool => Value::from(scalar.to_f64() != 0.0),
                DType::I64 => Value::from(scalar.to_i128() as i64),
                _ if scalar.to_f64().is_nan() => Value::Null,
                _ => Value::from(scalar.to_f64()),
            })
            .collect()
    };
    match table.column(name).unwrap() {
        Column::Text(texts) => texts.iter().map(|text| Value::from(text.as_str())).collect(),
        Column::Tensor(tensor) => numbers(tensor),
        Column::Ragged(rows) => rows.iter().map(|row| Value::from(numbers(row))).collect(),
        Column::Bytes(_) => panic!("no such column"),
    }
}

/// Numbers compare as numbers: a column with gaps holds floats where Python has integers.
fn same(found: &[Value], expected: &Value) -> bool {
    let expected = expected.as_array().unwrap();
    let equal = |a: &Value, b: &Value| match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() => x.as_f64() == y.as_f64(),
        _ => a == b,
    };
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| equal(a, b))
}

#[test]
fn csv_is_what_python_reads() {
    let expected = golden::json("table_csv.json");
    for file in ["table.csv", "table.csv.gz"] {
        let options = Options::default().kind("code", Kind::Text);
        let table = csv::read(golden::path(file), &options).unwrap();
        assert_eq!(table.rows(), 8);
        assert_eq!(table.names().collect::<Vec<_>>(), ["id", "weight", "note", "fresh", "gap", "code"]);
        for name in table.names() {
            assert!(same(&values(&table, name), &expected[name]), "{name}: {:?}", values(&table, name));
        }
        assert_eq!(table.tensor("id").unwrap().dtype(), DType::I64);
        assert_eq!(table.tensor("fresh").unwrap().dtype(), DType::Bool);
    }
    let plain = csv::read(golden::path("table.csv"), &Options::default()).unwrap();
    assert_eq!(plain.tensor("code").unwrap().to_vec::<i64>().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn json_lines_are_what_python_reads() {
    let expected = golden::json("table_jsonl.json");
    let table = json_lines::read(golden::path("table.jsonl")).unwrap();
    let expected = expected.as_object().unwrap();
    assert_eq!(table.names().len(), expected.len());
    for (name, expected) in expected {
        if name == "box" {
            let boxes = table.tensor("box").unwrap();
            assert_eq!((boxes.dtype(), boxes.shape()), (DType::F64, &[6, 2, 2][..]));
            let flat: Vec<f64> = expected
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|rows| rows.as_array().unwrap().iter().flat_map(golden::floats))
                .collect();
            assert_eq!(boxes.to_f64(), flat);
        } else {
            assert!(same(&values(&table, name), expected), "{name}: {:?}", values(&table, name));
        }
    }
    // Lists of different lengths are batched by padding.
    let dataset = table.dataset(&["tokens", "label"]).unwrap();
    assert_eq!(dataset.len(), 6);
    let pad = PadSequence::new().pad("tokens", -1.0);
    let loader = DataLoader::builder(dataset).batch_size(6).collate(pad).build().unwrap();
    let batch = loader.epoch(0).next().unwrap().unwrap();
    assert_eq!(batch.field("tokens").unwrap().shape(), [6, 5]);
    assert_eq!(batch.field("label").unwrap().to_vec::<i64>().unwrap(), [-2, -1, 0, 1, 2, 3]);
    assert!(table.dataset(&["text"]).unwrap_err().to_string().contains("categories"));
}

#[test]
fn what_is_wrong_with_a_csv_file_is_said() {
    let message = |text: &str, options: &Options| csv::parse(text, options).unwrap_err().to_string();
    let plain = Options::default();
    let ragged = message("a,b\n1,2\n3\n", &plain);
    assert!(
        ragged.contains("line 3") && ragged.contains("1 cells") && ragged.contains("expected 2"),
        "{ragged}"
    );
    let kind = message("age\n1\nten\n", &plain.clone().kind("age", Kind::Int));
    assert!(kind.contains("line 3, column `age`: found `ten`, expected an integer"), "{kind}");
    assert!(message("a,a\n1,2\n", &plain).contains("header(false)"));
    let field = csv::parse("a\n1\n", &plain.clone().kind("b", Kind::Int));
    assert!(matches!(field, Err(DataError::Field { .. })));
    // An integer that a float would change is not made one.
    let large = message("a\n9007199254740993\nNA\n", &plain.clone().missing("NA"));
    assert!(large.contains("line 2") && large.contains("9007199254740993"), "{large}");
    let table = csv::parse("0.5;x\n;y\n", &plain.delimiter(b';').header(false)).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["0", "1"]);
    assert!(table.tensor("0").unwrap().to_f64()[1].is_nan());
    assert_eq!(csv::parse("", &Options::default()).unwrap().rows(), 0);
}

#[test]
fn what_is_wrong_with_a_json_file_is_said() {
    let message = |text: &str| json_lines::parse(text).unwrap_err().to_string();
    assert!(message("{\"a\": 1}\n{\"a\": }\n").contains("line 2"));
    assert!(message("{\"a\": 1}\n\n[1]\n").contains("line 3: found a list, expected an object"));
    let mixed = message("{\"a\": 1}\n\n{\"a\": \"x\"}\n");
    assert!(mixed.contains("line 3, `a`: found text, expected a number"), "{mixed}");
    assert!(message("{\"a\": 18446744073709551615}").contains("range of i64"));
    assert!(message("{\"a\": [[1, 2], [3]]}").contains("shape [1]"));
    assert!(message("{\"a\": [1, null]}").contains("a list with null"));
    assert!(message("{\"a\": {\"b\": 1}, \"a.b\": 2}").contains("two values"));
    let sparse: String = (0..2000).map(|i| format!("{{\"k{i}\": 1}}\n")).collect();
    assert!(message(&sparse).contains("2000 keys"));
    assert_eq!(json_lines::parse("").unwrap().rows(), 0);
}

#[test]
fn columns_become_features_and_classes() {
    let table = csv::parse("x,y,kind\n1,2.5,b\n3,4.5,a\n5,6.5,b\n", &Options::default()).unwrap();
    let features = table.matrix(&["x", "y"], DType::F32).unwrap();
    assert_eq!((features.dtype(), features.shape()), (DType::F32, &[3, 2][..]));
    assert_eq!(features.to_f64(), [1.0, 2.5, 3.0, 4.5, 5.0, 6.5]);
    let (names, classes) = table.categories("kind").unwrap();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(classes.to_vec::<i32>().unwrap(), [1, 0, 1]);
    assert!(table.matrix(&["kind"], DType::F32).is_err());
    let table = table.with("features", Column::Tensor(features)).unwrap();
    assert_eq!(
        table.dataset(&["features"]).unwrap().get(1, 0).unwrap().field("features").unwrap().shape(),
        [2]
    );
    let short = Column::Text(vec!["x".into()]);
    assert!(table.with("short", short).is_err());
}
