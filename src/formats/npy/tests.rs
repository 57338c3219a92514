//! Tests of arrays.

#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

use super::*;

#[test]
fn fields_of_structured_arrays_are_columns() {
    let text = "{'descr': [('t', '<i8'), ('x', '<u2'), ('', '|V2'), ('on', '|b1')], \
                'fortran_order': False, 'shape': (2,), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.as_bytes());
    for (t, x, on) in [(-5_i64, 300_u16, 1_u8), (7, 2, 0)] {
        file.extend(t.to_le_bytes());
        file.extend(x.to_le_bytes());
        file.extend([0xee, 0xee, on]);
    }
    let Content::Records(fields) = open(&file).unwrap() else { panic!("no records") };
    let values: Vec<_> = fields
        .iter()
        .map(|(name, view)| (name.as_str(), view.integer(0), view.integer(1)))
        .collect();
    let expected = [("t", Some(-5), Some(7)), ("x", Some(300), Some(2)), ("on", Some(1), Some(0))];
    assert_eq!(values, expected);
    file.truncate(file.len() - 1);
    assert!(matches!(open(&file), Err(NpyError::Length { needed: 26, .. })));
}

#[test]
fn titles_and_brackets_in_names_are_read_and_nested_fields_are_named() {
    let file = |fields: &str| {
        let text = format!("{{'descr': [{fields}], 'fortran_order': False, 'shape': (1,), }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file.extend([1, 2, 3, 4]);
        file
    };
    let titled = file("(('column [px]', 'x'), '|u1'), ('t [us]', '|u1')");
    let Content::Records(fields) = open(&titled).unwrap() else { panic!("no records") };
    let values: Vec<_> = fields.iter().map(|(n, view)| (n.as_str(), view.integer(0))).collect();
    assert_eq!(values, [("x", Some(1)), ("t [us]", Some(2))]);
    for nested in ["('at', [('x', '|u1'), ('y', '|u1')]), ('t', '|u1')", "('at', '|u1', (2,))"] {
        assert!(matches!(open(&file(nested)), Err(NpyError::Fields)), "{nested}");
    }
}

#[test]
fn lines_of_a_matrix_are_found_in_both_orders() {
    for fortran in ["False", "True"] {
        let text = format!("{{'descr': '|u1', 'fortran_order': {fortran}, 'shape': (2, 3)}}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file.extend(if fortran == "True" { [0, 10, 1, 11, 2, 12] } else { [0, 1, 2, 10, 11, 12] });
        let Content::Numbers(matrix) = open(&file).unwrap() else { panic!("no numbers") };
        let line = |axis, index| -> Vec<f64> {
            let line = matrix.line(axis, index).unwrap();
            (0..line.count()).map(|i| line.float(i)).collect()
        };
        assert_eq!(line(0, 1), [10.0, 11.0, 12.0], "{fortran}");
        assert_eq!(line(1, 2), [2.0, 12.0], "{fortran}");
        assert!(matrix.line(1, 3).is_none());
    }
}

#[test]
fn times_are_converted_to_microseconds() {
    let of = |unit: &str, ticks: i64| {
        let file = write(&format!("<m8[{unit}]"), &[], &ticks.to_le_bytes());
        let Content::Numbers(view) = open(&file).unwrap() else { panic!("no numbers") };
        (view.integer(0), view.float(0))
    };
    assert_eq!(of("us", 5), (Some(5), 5.0));
    assert_eq!(of("ms", 5), (Some(5000), 5000.0));
    assert_eq!(of("ns", 5500), (None, 5.5));
    assert_eq!(of("s", i64::MAX).0, None);
    assert!(of("us", i64::MIN).1.is_nan());
    assert!(open(&write("<M8[D]", &[], &[0; 8])).is_err());
}

#[test]
fn column_major_elements_are_found_by_their_row_major_number() {
    let text = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.as_bytes());
    // The element (i, j, k) is 100 i + 10 j + k, stored with i running fastest.
    let elements = (0..2).flat_map(|k| (0..3).flat_map(move |j| [10 * j + k, 100 + 10 * j + k]));
    file.extend(elements);
    let expected: Vec<u8> = (0..2)
        .flat_map(|i| (0..3).flat_map(move |j| (0..2).map(move |k| 100 * i + 10 * j + k)))
        .collect();
    assert_eq!(read(&file, 12).unwrap().values, Values::Bytes(expected));
}
