//! Weights as other programs save them: any version of PyTorch, any prefix, other entries beside them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod refused;

use gem_live::event::EventInput;
use gem_live::formats::pickle::Writer;
use gem_live::network::{Tensor, Weights, WeightsError, parameters};
use std::io::{Cursor, Write};

fn weights() -> Weights {
    Weights::embedded().unwrap()
}

/// A tensor in the pickle of a checkpoint; its storage is numbered.
fn tensor(w: &mut Writer, kind: &str, storage: usize, shape: &[usize]) {
    let count: usize = shape.iter().product();
    w.call("torch._utils", "_rebuild_tensor_v2", |w| {
        w.persistent(|w| {
            w.text("storage");
            w.global("torch", kind);
            w.text(&storage.to_string());
            w.text("cpu");
            w.int(count as i64);
        });
        w.int(0);
        w.tuple(|w| shape.iter().for_each(|n| w.int(*n as i64)));
        w.tuple(|w| {
            let mut stride = count;
            for n in shape {
                stride /= (*n).max(1);
                w.int(stride as i64);
            }
        });
        w.truth(false);
        w.call("collections", "OrderedDict", |_| {});
    });
}

/// The network's parameters as entries of the dictionary that was appended last.
fn parameters_with(w: &mut Writer, prefix: &str) {
    for (storage, (name, shape)) in parameters(EventInput::Prior).iter().enumerate() {
        w.text(&format!("{prefix}{name}"));
        tensor(w, "FloatStorage", storage, shape);
    }
}

/// The bytes of every storage; the last one is an integer's.
fn storages() -> Vec<Vec<u8>> {
    let weights = weights();
    let one = |name: &str| weights.get(name).iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut all: Vec<Vec<u8>> =
        parameters(EventInput::Prior).iter().map(|(name, _)| one(name)).collect();
    all.push(3_i64.to_le_bytes().to_vec());
    all
}

fn zipped(object: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    object(&mut w);
    zipped_pickle(&w.finish())
}

fn zipped_pickle(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(format!("archive/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("data.pkl".into(), pickle);
    for (i, storage) in storages().iter().enumerate() {
        add(format!("data/{i}"), storage);
    }
    zip.finish().unwrap().into_inner()
}

/// The format before PyTorch 1.6.
fn legacy(object: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    let mut append = |write: &mut dyn FnMut(&mut Writer)| {
        let mut w = Writer::new();
        write(&mut w);
        out.extend(w.finish());
    };
    append(&mut |w| w.int(1001));
    append(&mut |w| {
        w.dict(|w| {
            w.text("little_endian");
            w.truth(true);
        });
    });
    let mut object = Some(object);
    append(&mut |w| object.take().unwrap()(w));
    let storages = storages();
    append(&mut |w| w.list(|w| (0..storages.len()).for_each(|i| w.text(&i.to_string()))));
    for (i, storage) in storages.iter().enumerate() {
        let width = if i + 1 == storages.len() { 8 } else { 4 };
        out.extend((storage.len() as u64 / width).to_le_bytes());
        out.extend(storage);
    }
    out
}

fn assert_read(bytes: &[u8], table: &str, prefix: &str) -> Weights {
    let found = Weights::from_bytes(bytes).unwrap_or_else(|e| panic!("{table} {prefix}: {e}"));
    assert!(found.iter().eq(weights().iter()), "{table} {prefix}: other values");
    assert_eq!((found.origin().table.as_str(), found.origin().prefix.as_str()), (table, prefix));
    found
}

/// The counter of a layer, which every storage list here has.
fn counter(w: &mut Writer) {
    w.text("model.counter");
    tensor(w, "LongStorage", parameters(EventInput::Prior).len(), &[]);
}

#[test]
fn every_prefix_and_key_is_found() {
    for prefix in [
        "",
        "model.",
        "module.",
        "module.model.",
        "model.module.",
        "_orig_mod.",
        "model._orig_mod.",
        "model.model.",
        "teacher_model.",
    ] {
        let bytes = zipped(|w| w.dict(|w| parameters_with(w, prefix)));
        assert_read(&bytes, "", prefix);
    }
    for key in ["state_dict", "params", "net", "model_state_dict"] {
        let bytes = zipped(|w| {
            w.dict(|w| {
                w.text("epoch");
                w.int(3);
                w.text(key);
                w.call("collections", "OrderedDict", |_| {});
                w.entries(|w| {
                    parameters_with(w, "");
                    counter(w);
                });
            });
        });
        let found = assert_read(&bytes, key, "");
        assert_eq!(found.origin().is_usual(), key == "state_dict");
    }
}

#[test]
fn the_student_is_read_and_the_teacher_named() {
    let bytes = zipped(|w| {
        w.dict(|w| {
            parameters_with(w, "teacher_model.");
            parameters_with(w, "model.");
        });
    });
    assert_eq!(assert_read(&bytes, "", "model.").origin().others, ["teacher_model."]);
}

#[test]
fn files_of_old_versions_of_pytorch_are_read() {
    let bare = legacy(|w| {
        w.dict(|w| {
            parameters_with(w, "");
            counter(w);
        });
    });
    assert_read(&bare, "", "");
    let lightning = legacy(|w| {
        w.dict(|w| {
            w.text("state_dict");
            w.dict(|w| {
                parameters_with(w, "model.");
                counter(w);
            });
        });
    });
    assert_read(&lightning, "state_dict", "model.");
    let error = Weights::from_bytes(&bare[..bare.len() - 1000]).unwrap_err().to_string();
    assert!(error.contains("cut off"), "{error}");
}

#[test]
fn other_entries_of_any_kind_are_ignored() {
    const PLACE: &str = "a number of 128 bits";
    let mut w = Writer::new();
    w.dict(|w| {
        w.text("rng");
        w.dict(|w| {
            w.text("bit_generator");
            w.text("PCG64");
            w.text("state");
            w.text(PLACE);
            w.text("generator");
            w.call("numpy.random._pickle", "__generator_ctor", |w| w.text("PCG64"));
            w.text("sampler");
            w.call("operator", "itemgetter", |w| w.int(1));
        });
        w.text("state_dict");
        w.dict(|w| {
            parameters_with(w, "model.");
            counter(w);
            w.text("model.note");
            w.text("not a tensor");
        });
    });
    let pickle = w.finish();
    let mut text = vec![b'X'];
    text.extend((PLACE.len() as u32).to_le_bytes());
    text.extend(PLACE.as_bytes());
    let at = pickle.windows(text.len()).position(|part| part == text).unwrap();
    let number = [&[0x8a, 16][..], &[0x5a; 16]].concat();
    let pickle = [&pickle[..at], &number, &pickle[at + text.len()..]].concat();
    assert_read(&zipped_pickle(&pickle), "state_dict", "model.");
}

#[test]
fn safetensors_follow_the_same_rules() {
    use safetensors::{Dtype, tensor::TensorView};
    let weights = weights();
    let step = 3_i64.to_le_bytes();
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = (weights.iter())
        .map(|(n, t)| {
            (n.to_owned(), t.shape.clone(), t.data.iter().flat_map(|v| v.to_le_bytes()).collect())
        })
        .collect();
    let with = |prefixes: &[&str], extra: bool| {
        let mut views: Vec<(String, TensorView<'_>)> = Vec::new();
        for prefix in prefixes {
            views.extend(data.iter().map(|(n, s, d)| {
                (format!("{prefix}{n}"), TensorView::new(Dtype::F32, s.clone(), d).unwrap())
            }));
        }
        if extra {
            views.push(("step".into(), TensorView::new(Dtype::I64, vec![], &step).unwrap()));
        }
        safetensors::serialize(views, None).unwrap()
    };
    assert_read(&with(&["model.", "teacher_model."], false), "", "model.");
    assert_read(&with(&["module."], false), "", "module.");
    assert_read(&with(&[""], true), "", "");
    let error = Weights::from_bytes(&with(&[""], true)[..5000]).unwrap_err().to_string();
    assert!(error.contains("cut off or damaged"), "{error}");
}
