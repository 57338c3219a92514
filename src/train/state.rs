//! What a training is when it is not running: one file, written whole or not at all, from which
//! it goes on exactly.

use super::TrainError;
use super::adam::Adam;
use crate::event::EventInput;
use crate::formats::atomic_file;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Where a training stands. Everything random is drawn from the seed and these numbers, so
/// there is no generator whose state would have to be kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// What the training is; it goes on only if this is the same.
    pub plan: String,
    /// Stage: 0 supervised, 1 and 2 published.
    pub stage: u32,
    /// Cycle of the second stage.
    pub cycle: u32,
    /// Epoch within stage and cycle.
    pub epoch: usize,
    /// Batches of this epoch that are done.
    pub batch: usize,
    /// Samples of those batches: fewer than the files, where some were skipped.
    pub samples: usize,
    /// Sum of the losses of those samples.
    pub loss_sum: f64,
    /// Lowest mean loss of an epoch of this cycle so far.
    pub best_loss: Option<f64>,
    /// The best epoch's file.
    pub best_file: Option<String>,
    /// Seconds of work so far.
    pub seconds: f64,
}

/// Position, parameters and the optimiser's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Where the training stands.
    pub position: Position,
    /// Its numbers.
    pub adam: Adam,
    /// The frozen teacher of the second stage.
    pub teacher: Option<Vec<f32>>,
}

impl State {
    /// Writes the file under a temporary name, then renames it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let bytes = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let Adam { parameters, first, second, mean, steps } = &self.adam;
        let mut parts = vec![
            ("parameters", bytes(parameters)),
            ("first", bytes(first)),
            ("second", bytes(second)),
            ("mean", bytes(mean)),
        ];
        parts.extend(self.teacher.as_ref().map(|t| ("teacher", bytes(t))));
        let n = parameters.len();
        let views = (parts.iter())
            .map(|(name, data)| Ok((*name, TensorView::new(Dtype::F32, vec![n], data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| TrainError::state(path, e))?;
        let position =
            serde_json::to_string(&self.position).map_err(|e| TrainError::state(path, e))?;
        let notes = HashMap::from([
            ("position".to_owned(), position),
            ("steps".to_owned(), steps.to_string()),
        ]);
        let file =
            safetensors::serialize(views, Some(notes)).map_err(|e| TrainError::state(path, e))?;
        Ok(atomic_file::write(path, &file)?)
    }

    /// Reads the file of a training of the network that reads `event_input`.
    ///
    /// # Errors
    /// The file cannot be read, or is not a training's state.
    pub fn read(path: &Path, event_input: EventInput) -> Result<Self, TrainError> {
        let bytes = std::fs::read(path).map_err(|e| TrainError::state(path, e))?;
        let wrong = |e: &dyn std::fmt::Display| TrainError::state(path, e);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| wrong(&e))?;
        let notes = header.metadata().clone().unwrap_or_default();
        let note = |name: &str| notes.get(name).ok_or_else(|| wrong(&format!("no {name} in it")));
        let position = serde_json::from_str(note("position")?).map_err(|e| wrong(&e))?;
        let steps = note("steps")?.parse().map_err(|e| wrong(&e))?;
        let mut tensors = crate::network::tensors(&bytes).map_err(|e| wrong(&e))?;
        let mut take = |name: &str| tensors.remove(name).map(|t| t.data);
        let mut need = |name: &str| take(name).ok_or_else(|| wrong(&format!("no {name} in it")));
        let adam = Adam {
            parameters: need("parameters")?,
            first: need("first")?,
            second: need("second")?,
            mean: need("mean")?,
            steps,
        };
        let expected = crate::network::parameters(event_input);
        let n: usize = expected.iter().map(|(_, s)| s.iter().product::<usize>()).sum();
        if [&adam.parameters, &adam.first, &adam.second, &adam.mean].iter().any(|v| v.len() != n) {
            return Err(wrong(&"parameters of another network"));
        }
        let teacher = take("teacher").filter(|t| t.len() == n);
        Ok(Self { position, adam, teacher })
    }
}
