//! Weights that are refused.

use super::*;

#[test]
fn what_is_missing_is_named_with_the_prefix_that_was_found() {
    let bytes = zipped(|w| {
        w.dict(|w| {
            for (i, (name, shape)) in parameters(EventInput::Prior).iter().enumerate().skip(1) {
                w.text(&format!("module.{name}"));
                tensor(w, "FloatStorage", i, shape);
            }
        });
    });
    let error = Weights::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("im_enc.conv1.weight is missing"), "{error}");
    assert!(error.contains("\"module.\"") && !error.contains('\n'), "{error}");
    let other = zipped(|w| {
        w.dict(|w| {
            w.text("conv_first.weight");
            tensor(w, "FloatStorage", 0, &[16, 3, 7, 7]);
        });
    });
    let error = Weights::from_bytes(&other).unwrap_err().to_string();
    assert!(error.contains("it has conv_first.weight"), "{error}");
}

#[test]
fn files_of_other_kinds_are_named() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9731235\n";
    let cases: [(&[u8], &str); 5] = [
        (b"", "an empty file"),
        (lfs, "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\x1f\x8b\x08\x00", "unpack it"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ];
    for (bytes, expected) in cases {
        let error = Weights::from_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let recording = gem_live::formats::npz::write(&[("blur1", vec![1])]).unwrap();
    let error = Weights::from_bytes(&recording).unwrap_err().to_string();
    assert!(error.contains("gem-live deblur"), "{error}");
}

#[test]
fn tensors_of_integers_name_the_types_that_are_read() {
    let mut bytes = weights().to_safetensors(false).unwrap();
    let floats = b"\"dtype\":\"F32\"";
    let at = bytes.windows(floats.len()).position(|part| part == floats).unwrap();
    bytes[at + floats.len() - 4] = b'I';
    let error = Weights::from_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("stored as I32") && error.contains("tensor.float()"), "{error}");
}

#[test]
fn values_beyond_half_precision_are_refused_when_writing() {
    let mut tensors: std::collections::BTreeMap<String, Tensor> =
        weights().iter().map(|(n, t)| (n.to_owned(), t.clone())).collect();
    tensors.get_mut("dec.conv.bias").unwrap().data[0] = 70_000.0;
    let weights = Weights::from_tensors(tensors).unwrap();
    for error in
        [weights.to_safetensors(true).unwrap_err(), weights.to_checkpoint(true).unwrap_err()]
    {
        assert!(
            matches!(&error, WeightsError::Half(name, _) if name == "dec.conv.bias"),
            "{error}"
        );
    }
    assert!(weights.to_safetensors(false).is_ok());
}
