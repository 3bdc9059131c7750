//! npy files as NumPy writes them, and as it does not.

use hadal_formats::{FormatError, npy};
use hadal_graph::{Bytes, DType, HostTensor, Scalar};

/// A file of version `major` from a header and data, written by hand.
fn file(major: u8, header: &str, data: &[u8]) -> Bytes {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend_from_slice(&[major, 0]);
    match major {
        1 => bytes.extend_from_slice(&(header.len() as u16).to_le_bytes()),
        _ => bytes.extend_from_slice(&(header.len() as u32).to_le_bytes()),
    }
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    Bytes::new(bytes)
}

#[test]
fn reads_versions_orders_and_layouts() {
    let data: Vec<u8> = (0..6i16).flat_map(i16::to_le_bytes).collect();
    let header = |descr: &str, fortran: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': (2, 3), }}   \n")
    };
    let plain = HostTensor::new([2, 3], &[0i16, 1, 2, 3, 4, 5]).unwrap();
    for major in 1..=3 {
        assert_eq!(npy::from_bytes(&file(major, &header("<i2", "False"), &data)).unwrap(), plain);
    }
    let columns = npy::from_bytes(&file(1, &header("<i2", "True"), &data)).unwrap();
    assert_eq!(columns.to_vec::<i16>().unwrap(), [0, 2, 4, 1, 3, 5]);
    let big: Vec<u8> = (0..6i16).flat_map(i16::to_be_bytes).collect();
    assert_eq!(npy::from_bytes(&file(1, &header(">i2", "False"), &big)).unwrap(), plain);
    let scalar = file(1, "{\"shape\":(),'fortran_order':True,'descr':'<f8'}", &2.5f64.to_le_bytes());
    assert_eq!(npy::from_bytes(&scalar).unwrap(), HostTensor::scalar(DType::F64, Scalar::Float(2.5)));
    let empty = file(1, "{'descr': '|b1', 'fortran_order': True, 'shape': (0, 4)}", &[]);
    assert_eq!(npy::from_bytes(&empty).unwrap().shape(), [0, 4]);
}

#[test]
fn a_file_is_what_numpy_would_write() {
    let tensor = HostTensor::new([3], &[1.0f32, -2.0, 0.5]).unwrap();
    let bytes = npy::to_bytes(&tensor).unwrap();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    assert_eq!(&bytes[10..10 + header.len()], header.as_bytes());
    assert_eq!((bytes.len() - 12) % 64, 0);
    assert_eq!(bytes[bytes.len() - 13], b'\n');
}

#[test]
fn every_dtype_survives() {
    for dtype in DType::ALL {
        for shape in [vec![], vec![5], vec![2, 0, 3], vec![2, 3, 1, 2]] {
            let tensor = HostTensor::full(dtype, shape, Scalar::one(dtype));
            if dtype == DType::BF16 {
                let message = npy::to_bytes(&tensor).unwrap_err().to_string();
                assert!(message.contains("cast the tensor to f32"), "{message}");
                continue;
            }
            let bytes = Bytes::new(npy::to_bytes(&tensor).unwrap());
            assert_eq!(npy::from_bytes(&bytes).unwrap(), tensor);
        }
    }
}

#[test]
fn files_are_replaced_whole() {
    let path = std::env::temp_dir().join(format!("hadal-npy-{}.npy", std::process::id()));
    for value in [1i64, 2] {
        npy::write(&path, &HostTensor::new([1], &[value]).unwrap()).unwrap();
        assert_eq!(npy::read(&path).unwrap().to_vec::<i64>().unwrap(), [value]);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(npy::read(&path), Err(FormatError::Io { .. })));
}

#[test]
fn errors_say_what_is_wrong() {
    let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    let cases: &[(Bytes, &str)] = &[
        (file(1, good, &[0; 4]), "the elements needs 8 bytes, but 4 are left"),
        (file(1, good, &[0; 9]), "found 9 bytes, expected 8"),
        (file(7, good, &[0; 8]), "version 7.0"),
        (file(1, &good.replace("<f4", "<U8"), &[0; 8]), "`<U8`"),
        (file(1, &good.replace("<f4", "|f4"), &[0; 8]), "`|f4`"),
        (file(1, &good.replace("'<f4'", "[('x', '<f4')]"), &[0; 8]), "[("),
        (file(1, &good.replace("(2,)", "(-2,)"), &[0; 8]), "-2"),
        (file(1, &good.replace("(2,)", "(99999999999999999999,)"), &[0; 8]), "99999999999999999999"),
        (file(1, &good.replace("(2,)", "(4294967296, 4294967296, 4294967296)"), &[]), "2^64"),
        (file(1, &good.replace("'shape'", "'form'"), &[0; 8]), "the key `form`"),
        (file(1, &good.replace("False", "0"), &[0; 8]), "found `0,"),
        (file(1, "{'descr': '<f4'}", &[0; 8]), "no `fortran_order`"),
        (file(1, &format!("{good} import os"), &[0; 8]), "after the dictionary"),
        (file(1, "{'descr': '<f4", &[0; 8]), "does not end"),
        (file(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", &[3]), "a boolean of 3"),
        (
            file(
                1,
                &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({})}}", "1,".repeat(99)),
                &[0; 4],
            ),
            "99 axes",
        ),
        (Bytes::new(b"\x93NUM".to_vec()), "ends too early"),
        (Bytes::new(b"PK\x03\x04 a zip".to_vec()), "NUMPY"),
        (Bytes::new(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec()), "ends too early: the header"),
    ];
    for (bytes, part) in cases {
        let message = npy::from_bytes(bytes).expect_err(part).to_string();
        assert!(message.contains(part), "{message} lacks {part}");
    }
}
