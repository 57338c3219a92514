//! The configuration files of a dataset.

use std::path::Path;

/// A configuration that both the authors' program and this one read. `truth`: all recordings have sharp
/// images.
pub(super) fn yaml(
    folder: &Path,
    scale_factor: f64,
    crop: (usize, usize),
    truth: bool,
    train: bool,
) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // A quoted JSON string is a valid YAML string.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let root = quoted(&folder.to_string_lossy());
    let (save, checkpoint) =
        (quoted(&format!("results/{name}")), quoted(&format!("checkpoint/{name}")));
    // Testing works at once; the weights of a training are given with --weights, or here.
    let load = if train {
        format!("load_dir: {checkpoint}")
    } else {
        "load_dir: null  # the built-in weights; or the folder of a checkpoint".to_owned()
    };
    let batch = if train { 4 } else { 1 };
    // At the times of the sharp images, otherwise in the middle of the exposure.
    let at = if truth { "null" } else { "0.5" };
    let (rows, columns) = crop;
    format!(
        "train: {train}\nroot_path: {root}\nscale_factor: {scale_factor}\nhas_gt: {truth}\n\
         predict_ts: {at}\nsave_path: {save}\n{load}\nload_stage: 2\n\
         load_cycle: 15\n\nmodel_name: san\nnum_bins: 16\nev_in_channel: 96\nim_in_channel: 3\n\
         out_channel: 3\ninitializor: kaiming\n\ncheckpoint_root: {checkpoint}\n\
         dataset: deblur_data\nseed: 1226\nbatch_size: {batch}\nnum_workers: 0\n\
         roi_size: [{rows}, {columns}]\nfirst_stage_epoch: 210\nsecond_stage_cycle: 15\n\
         second_stage_epoch: 30\nloss: l1\nloss_weight: [50, 1, 50, 50]\nlr: 0.001\n\
         lr_scheduler: cosine\nlr_decay_steps: 200\nlr_decay_rate: 0.5\n\
         lr_decay_min_lr: 1.0e-05\nwarmup_epoch: 10\nweight_decay: 0\n"
    )
}
