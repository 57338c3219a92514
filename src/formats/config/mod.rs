//! The YAML configuration files of the authors' code, accepted unchanged.

mod entry;
mod error;

pub use error::ConfigError;

use super::file_kind::{FileKind, HEAD_BYTES, Wanted};
use super::limits::MAX_TEXT_BYTES;
use super::{input, yaml};
use entry::Entry;
use std::path::{Path, PathBuf};
use yaml_serde::Value;

/// Settings of a test or of a training, with the authors' names and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Train (true) or test (false).
    pub train: bool,
    /// Folder with `train/` and `test/`.
    pub root_path: PathBuf,
    /// Additional folders of this kind for training; not in the authors' files.
    pub more_roots: Vec<PathBuf>,
    /// Ratio of image resolution to event resolution.
    pub scale_factor: f64,
    /// Additional ratios of training recordings; not in the authors' files.
    pub more_scales: Vec<f64>,
    /// Whether the recordings have ground truth images.
    pub has_gt: bool,
    /// Instant to restore as a fraction of the exposure; `None` restores the times of the sharp
    /// images.
    pub predict_ts: Option<f64>,
    /// Folder for results; with `None` no results are written.
    pub save_path: Option<PathBuf>,
    /// Folder of the checkpoint to load; with `None` the built-in weights are used, which the
    /// authors' program does not have.
    pub load_dir: Option<PathBuf>,
    /// Training stage of the checkpoint to load.
    pub load_stage: u32,
    /// Cycle of the second stage of the checkpoint to load.
    pub load_cycle: u32,
    /// Folder for new checkpoints.
    pub checkpoint_root: PathBuf,
    /// Batch size, in pairs.
    pub batch_size: usize,
    /// Random seed.
    pub seed: u64,
    /// Learning rate of the first stage.
    pub lr: f64,
    /// Learning rate schedule: `cosine`, `step`, or none.
    pub lr_scheduler: Option<String>,
    /// Half period of the cosine schedule, or interval of the step schedule, in epochs.
    pub lr_decay_steps: usize,
    /// Factor of the step schedule.
    pub lr_decay_rate: f64,
    /// Final learning rate of the cosine schedule.
    pub lr_decay_min_lr: f64,
    /// Epochs of linear warm-up.
    pub warmup_epoch: usize,
    /// Weight decay.
    pub weight_decay: f64,
    /// `l1` or `mse`.
    pub loss: String,
    /// Loss weights of blur consistency, scale consistency, teacher guidance, scale guidance.
    pub loss_weight: Vec<f64>,
    /// Height and width of a training crop, in event pixels.
    pub roi_size: Vec<usize>,
    /// Number of epochs in the first stage.
    pub first_stage_epoch: usize,
    /// Number of cycles in the second stage.
    pub second_stage_cycle: usize,
    /// Number of epochs in each cycle.
    pub second_stage_epoch: usize,
}

impl Default for Config {
    /// The defaults of the authors' command line.
    fn default() -> Self {
        Self {
            train: false,
            root_path: "datasets/MS-RBD".into(),
            more_roots: Vec::new(),
            scale_factor: 4.0,
            more_scales: Vec::new(),
            has_gt: false,
            predict_ts: Some(0.5),
            save_path: Some("results/MS-RBD".into()),
            load_dir: Some("checkpoint/MS-RBD".into()),
            load_stage: 2,
            load_cycle: 15,
            checkpoint_root: "checkpoint/MS-RBD".into(),
            batch_size: 4,
            seed: 1226,
            lr: 1e-3,
            lr_scheduler: Some("cosine".into()),
            lr_decay_steps: 200,
            lr_decay_rate: 0.5,
            lr_decay_min_lr: 1e-5,
            warmup_epoch: 10,
            weight_decay: 0.0,
            loss: "l1".into(),
            loss_weight: vec![50.0, 1.0, 50.0, 50.0],
            roi_size: vec![64, 64],
            first_stage_epoch: 210,
            second_stage_cycle: 15,
            second_stage_epoch: 30,
        }
    }
}

/// Keys of the authors' program and of PyTorch Lightning's trainer without effect here.
const NO_MEANING: [&str; 19] = [
    "num_workers",
    "dataset",
    "initializor",
    "yaml_path",
    "accelerator",
    "devices",
    "gpus",
    "num_nodes",
    "strategy",
    "precision",
    "logger",
    "max_epochs",
    "min_epochs",
    "default_root_dir",
    "enable_progress_bar",
    "check_val_every_n_epoch",
    "benchmark",
    "deterministic",
    "ckpt_path",
];

/// Keys of a file that were not used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remarks {
    /// Known keys without effect here.
    pub notes: Vec<String>,
    /// Unknown keys.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads a YAML file, with or without a byte order mark; every key is optional. A file of another
    /// kind is named.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Config::parse`]. The error does not name the file.
    pub fn read(path: &Path) -> Result<(Self, Remarks), ConfigError> {
        match FileKind::of(&input::head(path, HEAD_BYTES)?) {
            FileKind::Yaml | FileKind::Text | FileKind::Json | FileKind::Unknown => {}
            kind => return Err(ConfigError::Kind(kind.message(Wanted::Config))),
        }
        let bytes = input::read(path, MAX_TEXT_BYTES)?;
        Self::parse(&input::decode_text(&bytes)?)
    }

    /// Parses the text of a YAML file; every key is optional.
    ///
    /// # Errors
    /// Fails if the text is not YAML, a value has the wrong type, or the network is not SAN.
    pub fn parse(text: &str) -> Result<(Self, Remarks), ConfigError> {
        let Value::Mapping(entries) = yaml::parse::<Value>(text)? else {
            return Err(ConfigError::Shape);
        };
        let (mut config, mut remarks) = (Self::default(), Remarks::default());
        for (key, value) in &entries {
            let Value::String(key) = key else {
                remarks.warnings.push(format!("{key:?}"));
                continue;
            };
            config.set(Entry { key, value }, &mut remarks)?;
        }
        Ok((config, remarks))
    }

    fn set(&mut self, entry: Entry<'_>, remarks: &mut Remarks) -> Result<(), ConfigError> {
        match entry.key {
            "train" => self.train = entry.boolean()?,
            "root_path" => {
                let (first, more) = entry.one_or_more(Entry::text)?;
                self.root_path = first.into();
                self.more_roots = more.into_iter().map(PathBuf::from).collect();
            }
            "scale_factor" => {
                (self.scale_factor, self.more_scales) = entry.one_or_more(Entry::scale)?;
            }
            "has_gt" => self.has_gt = entry.boolean()?,
            "predict_ts" => self.predict_ts = entry.optional(Entry::number)?,
            "save_path" => self.save_path = entry.optional(Entry::text)?.map(PathBuf::from),
            "load_dir" => self.load_dir = entry.optional(Entry::text)?.map(PathBuf::from),
            "load_stage" => self.load_stage = entry.cycle()?,
            "load_cycle" => self.load_cycle = entry.cycle()?,
            "checkpoint_root" => self.checkpoint_root = entry.text()?.into(),
            "batch_size" => self.batch_size = entry.count()?,
            "seed" => self.seed = entry.seed()?,
            "lr" => self.lr = entry.number()?,
            "lr_scheduler" => self.lr_scheduler = entry.optional(Entry::text)?,
            "lr_decay_steps" => self.lr_decay_steps = entry.count()?,
            "lr_decay_rate" => self.lr_decay_rate = entry.number()?,
            "lr_decay_min_lr" => self.lr_decay_min_lr = entry.number()?,
            "warmup_epoch" => self.warmup_epoch = entry.count()?,
            "weight_decay" => self.weight_decay = entry.number()?,
            "loss" => self.loss = entry.text()?,
            "loss_weight" => self.loss_weight = entry.list(Entry::number)?,
            "roi_size" => self.roi_size = entry.list(Entry::count)?,
            "first_stage_epoch" => self.first_stage_epoch = entry.count()?,
            "second_stage_cycle" => self.second_stage_cycle = entry.cycle()? as usize,
            "second_stage_epoch" => self.second_stage_epoch = entry.count()?,
            "model_name" if entry.text()? == "san" => {}
            "num_bins" if entry.count()? == crate::event::BINS => {}
            "ev_in_channel" if entry.count()? == crate::event::CHANNELS => {}
            "im_in_channel" | "out_channel" if entry.count()? == 3 => {}
            "model_name" | "num_bins" | "ev_in_channel" | "im_in_channel" | "out_channel" => {
                let text = format!("{}: {} is not SAN's value", entry.key, entry.shown());
                return Err(ConfigError::Unsupported(text));
            }
            known if NO_MEANING.contains(&known) => remarks.notes.push(known.to_owned()),
            unknown => remarks.warnings.push(unknown.to_owned()),
        }
        Ok(())
    }

    /// The checkpoint selected by `load_dir`, `load_stage` and `load_cycle`: of the files whose
    /// name starts with the stage and cycle, the one with the highest epoch. Stage 1 always has
    /// cycle 0. (The authors sort by a number that is the same for all of these names.) `None` if
    /// there is no `load_dir`.
    ///
    /// # Errors
    /// Fails if the folder cannot be read or contains no such file.
    pub fn checkpoint(&self) -> Result<Option<PathBuf>, ConfigError> {
        let Some(folder) = self.load_dir.clone() else { return Ok(None) };
        let cycle = if self.load_stage == 1 { 0 } else { self.load_cycle };
        let prefix = format!("best-stage={}-cycle={cycle:02}", self.load_stage);
        let entries = std::fs::read_dir(&folder)
            .map_err(|cause| ConfigError::Io { folder: folder.clone(), cause })?;
        let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = entries.filter_map(Result::ok).map(|e| e.path());
        let fits = files.filter(|p| name(p).starts_with(&prefix));
        let epoch = |p: &PathBuf| {
            let name = name(p);
            let after = name.split("epoch=").nth(1)?;
            after.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        let best = fits.max_by_key(|p| (epoch(p), name(p)));
        best.map(Some).ok_or(ConfigError::Checkpoint { folder, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_setting_has_are_refused_with_the_range() {
        let refused = |text: &str| Config::parse(text).unwrap_err().to_string();
        for text in ["scale_factor: 0", "scale_factor: 1.0e-12", "scale_factor: [4, -1]"] {
            assert!(refused(text).contains("from 0.0625 to 8192"), "{text}: {}", refused(text));
        }
        for key in ["load_stage", "load_cycle", "second_stage_cycle"] {
            let error = refused(&format!("{key}: 4294967298"));
            assert!(error.contains(key) && error.contains("from 0 to 10000"), "{error}");
        }
        for text in ["first_stage_epoch: 18446744073709551615", "batch_size: -1", "seed: -1"] {
            assert!(refused(text).contains("must be a"), "{text}");
        }
        let (config, _) = Config::parse("seed: 18446744073709551615\nscale_factor: 0.5").unwrap();
        assert_eq!((config.seed, config.scale_factor), (u64::MAX, 0.5));
    }
}
