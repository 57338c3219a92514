//! The YAML files of a dataset, for testing and for training.

use crate::image::Size;
use crate::sequence::published_crop;
use std::path::Path;

/// What the YAML files state about a dataset.
pub(super) struct DatasetYaml<'a> {
    pub(super) root: &'a Path,
    /// Name of the network.
    pub(super) name: &'a str,
    pub(super) scale_factor: f64,
    /// Whether there are sharp images.
    pub(super) truth: bool,
    /// Sizes of the frames.
    pub(super) sizes: Vec<Size>,
}

impl DatasetYaml<'_> {
    /// The files for testing and for training, with the published settings.
    pub(super) fn files(&self) -> [String; 2] {
        [
            include_str!("../../../configs/ms_rbd_test.yaml"),
            include_str!("../../../configs/ms_rbd_train.yaml"),
        ]
        .map(|template| self.fill(template))
    }

    fn fill(&self, template: &str) -> String {
        let quoted = |text: String| serde_json::Value::String(text).to_string();
        let root = quoted(self.root.display().to_string());
        let truth = self.truth;
        let event_size = |size: Size| {
            let side = |n: usize| (n as f64 / self.scale_factor) as usize;
            Size::new(side(size.width), side(size.height))
        };
        let sensors = self.sizes.iter().map(|size| event_size(*size));
        let (rows, columns) = published_crop(sensors, self.scale_factor);
        let title = if template.starts_with("# Training") { "Training" } else { "Evaluation" };
        let head = format!("# {title} with a dataset of gem-live export.\n");
        let body = template.lines().skip(1).map(|line| match line.split(':').next() {
            Some("root_path") => format!("root_path: {root}"),
            Some("scale_factor") => {
                format!(
                    "scale_factor: {}        # image resolution over event resolution",
                    self.scale_factor
                )
            }
            Some("roi_size") => {
                format!("roi_size: [{rows}, {columns}]       # crop in event pixels")
            }
            Some("has_gt") => format!("has_gt: {truth}"),
            Some("predict_ts") if truth => {
                "predict_ts: null     # at the sharp images' times".into()
            }
            Some("save_path") => format!("save_path: {}", quoted(format!("results/{}", self.name))),
            Some("load_dir") if title == "Evaluation" => {
                "load_dir: null       # the built-in weights; or the folder of a checkpoint".into()
            }
            Some(key @ ("load_dir" | "checkpoint_root")) => {
                format!("{key}: {}", quoted(format!("checkpoint/{}", self.name)))
            }
            _ => line.to_owned(),
        });
        head + &body.map(|line| line + "\n").collect::<String>()
    }
}
