//! Writes weights as a PyTorch Lightning checkpoint: a zip of a pickle and one file per tensor.
//!
//! The pickle uses only names that `torch.load(weights_only=True)` accepts, so it loads with and
//! without that option, in PyTorch 1.6 (which introduced the format) and later.

use super::{EVENT_INPUT_KEY, RESIDUAL_NOISE_KEY, Weights, WeightsError, parameters};
use crate::event::EventInput;
use crate::formats::pickle::Writer;
use std::io::{Cursor, Write};

/// PyTorch aligns every file of the archive to this many bytes, for memory mapping.
const ALIGNMENT: u16 = 64;
/// Top-level folder of the archive; PyTorch accepts any name.
const FOLDER: &str = "san";

pub(super) fn write(weights: &Weights, half: bool) -> Result<Vec<u8>, WeightsError> {
    let bad = |e: &dyn std::fmt::Display| WeightsError::Checkpoint(e.to_string());
    if half {
        weights.check_half()?;
    }
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .with_alignment(ALIGNMENT)
        .last_modified_time(zip::DateTime::default());
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("{FOLDER}/{name}"), options).map_err(|e| bad(&e))?;
        zip.write_all(bytes).map_err(|e| bad(&e))
    };
    add("data.pkl", &pickle(weights, half))?;
    add("byteorder", b"little")?;
    for (key, (name, _)) in parameters(weights.event_input()).iter().enumerate() {
        let numbers = weights.get(name);
        let bytes: Vec<u8> = match half {
            true => numbers.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect(),
            false => super::weights::wide(numbers),
        };
        add(&format!("data/{key}"), &bytes)?;
    }
    add("version", b"3\n")?;
    Ok(zip.finish().map_err(|e| bad(&e))?.into_inner())
}

/// The checkpoint's dictionary, with the entries that Lightning 1.6 expects.
fn pickle(weights: &Weights, half: bool) -> Vec<u8> {
    let events = weights.event_input();
    let mut w = Writer::new();
    w.dict(|w| {
        w.text("epoch");
        w.int(0);
        w.text("global_step");
        w.int(0);
        w.text("pytorch-lightning_version");
        w.text("1.6.0");
        w.text("state_dict");
        w.call("collections", "OrderedDict", |_| {});
        w.entries(|w| {
            // The teacher shares the student's storage, as at the start of a cycle.
            for network in ["model", "teacher_model"] {
                for (key, (name, shape)) in parameters(events).iter().enumerate() {
                    w.text(&format!("{network}.{name}"));
                    tensor(w, key, shape, half);
                }
            }
        });
        w.text("callbacks");
        w.dict(|_| {});
        w.text("optimizer_states");
        w.list(|_| {});
        w.text("lr_schedulers");
        w.list(|_| {});
        w.text("hparams_name");
        w.text("kwargs");
        w.text("hyper_parameters");
        w.dict(|w| hyper_parameters(w, weights));
    });
    w.finish()
}

/// The hyperparameters that the published program needs to build the network.
fn hyper_parameters(w: &mut Writer, weights: &Weights) {
    let events = weights.event_input();
    w.text("model_name");
    w.text("san");
    let numbers = [
        ("num_bins", crate::event::BINS),
        ("ev_in_channel", events.channels()),
        ("im_in_channel", 3),
        ("out_channel", 3),
    ];
    for (name, value) in numbers {
        w.text(name);
        w.int(value as i64);
    }
    if events != EventInput::Counts {
        w.text(EVENT_INPUT_KEY);
        w.text(events.name());
    }
    if weights.residual_noise() > 0.0 {
        w.text(RESIDUAL_NOISE_KEY);
        w.float(f64::from(weights.residual_noise()));
    }
}

fn tensor(w: &mut Writer, key: usize, shape: &[usize], half: bool) {
    let count: usize = shape.iter().product();
    w.call("torch._utils", "_rebuild_tensor_v2", |w| {
        w.persistent(|w| {
            w.text("storage");
            w.global("torch", if half { "HalfStorage" } else { "FloatStorage" });
            w.text(&key.to_string());
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
