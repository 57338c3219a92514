//! The saved state of a training: one file, written atomically, from which training resumes
//! bit-exactly.

use super::TrainError;
use super::adam::Adam;
use crate::event::EventInput;
use crate::formats::limits::MAX_WEIGHTS_BYTES;
use crate::formats::{atomic_file, input};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The progress of a training. All random numbers are derived from the seed and these numbers, so
/// there is no generator state to save.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Describes the training; it resumes only if this is the same.
    pub plan: String,
    /// Stage: 0 supervised, 1 and 2 published.
    pub stage: u32,
    /// Cycle of the second stage.
    pub cycle: u32,
    /// Epoch within stage and cycle.
    pub epoch: usize,
    /// Completed batches of this epoch.
    pub batch: usize,
    /// Samples of those batches; fewer than the files if some were skipped.
    pub samples: usize,
    /// Sum of the losses of those samples.
    pub loss_sum: f64,
    /// Lowest mean loss of an epoch of this cycle so far.
    pub best_loss: Option<f64>,
    /// File name of the best epoch's checkpoint.
    pub best_file: Option<String>,
    /// Training time so far in seconds.
    pub seconds: f64,
}

/// Progress, parameters and optimiser state.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The progress of the training.
    pub position: Position,
    /// The parameters and the optimiser state.
    pub adam: Adam,
    /// The frozen teacher of the second stage.
    pub teacher: Option<Vec<f32>>,
}

/// Largest number of epochs, of batches and of samples that are read, and of steps. Within them, their
/// products and sums cannot overflow.
const MAX_PROGRESS: usize = 1_000_000_000;
/// See [`MAX_PROGRESS`].
const MAX_STEPS: u64 = 1_000_000_000_000;

/// Number of parameters of the network that reads `event_input`.
fn parameter_count(event_input: EventInput) -> usize {
    let shapes = crate::network::parameters(event_input);
    shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

impl State {
    /// Writes the file under a temporary name, then renames it.
    ///
    /// # Errors
    /// The file cannot be written.
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

    /// Reads the state of a training of the network that reads `event_input`.
    ///
    /// # Errors
    /// The file cannot be read, or is not a training state of this network.
    pub fn read(path: &Path, event_input: EventInput) -> Result<Self, TrainError> {
        let bytes = input::read(path, MAX_WEIGHTS_BYTES).map_err(|e| TrainError::state(path, e))?;
        let wrong = |e: &dyn std::fmt::Display| {
            let advice = "train into another folder with --init and the weights beside it";
            TrainError::state(path, format!("{e}; if it is damaged, {advice}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| wrong(&e))?;
        let notes = header.metadata().clone().unwrap_or_default();
        let note = |name: &str| notes.get(name).ok_or_else(|| wrong(&format!("it has no {name}")));
        let position: Position = serde_json::from_str(note("position")?).map_err(|e| wrong(&e))?;
        let steps: u64 = note("steps")?.parse().map_err(|e| wrong(&e))?;
        let Position { epoch, batch, samples, .. } = position;
        if [epoch, batch, samples].iter().any(|n| *n > MAX_PROGRESS) || steps > MAX_STEPS {
            return Err(wrong(&"its step counts are out of range: it is damaged"));
        }
        let mut tensors = crate::network::tensors(&bytes).map_err(|e| wrong(&e))?;
        let mut take = |name: &str| tensors.remove(name).map(|t| t.data);
        let mut need = |name: &str| take(name).ok_or_else(|| wrong(&format!("it has no {name}")));
        let adam = Adam {
            parameters: need("parameters")?,
            first: need("first")?,
            second: need("second")?,
            mean: need("mean")?,
            steps,
        };
        let n = parameter_count(event_input);
        if [&adam.parameters, &adam.first, &adam.second, &adam.mean].iter().any(|v| v.len() != n) {
            return Err(wrong(&"its parameters are those of another network"));
        }
        let teacher = take("teacher");
        if teacher.as_ref().is_some_and(|t| t.len() != n) {
            return Err(wrong(&"its teacher is that of another network"));
        }
        Ok(Self { position, adam, teacher })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teacher_of_another_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let input = EventInput::default();
        let n = parameter_count(input);
        let (adam, teacher) = (Adam::new(vec![0.0; n]), Some(vec![1.0; n]));
        State { position: Position::default(), adam, teacher }.write(&path).unwrap();
        assert_eq!(State::read(&path, input).unwrap().teacher, Some(vec![1.0; n]));
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| match name.as_str() {
            "teacher" => {
                let shorter = &view.data()[4..];
                (name, TensorView::new(view.dtype(), vec![n - 1], shorter).unwrap())
            }
            _ => (name, view),
        });
        let changed = safetensors::serialize(tensors, header.metadata().clone()).unwrap();
        std::fs::write(&path, changed).unwrap();
        let error = State::read(&path, input).unwrap_err().to_string();
        assert!(error.contains("its teacher is that of another network"), "{error}");
    }

    #[test]
    fn a_state_whose_progress_could_overflow_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let input = EventInput::default();
        let n = parameter_count(input);
        let read = |position: Position, steps: u64| {
            let mut adam = Adam::new(vec![0.0; n]);
            adam.steps = steps;
            State { position, adam, teacher: None }.write(&path).unwrap();
            State::read(&path, input).map(|state| state.adam.steps).map_err(|e| e.to_string())
        };
        assert_eq!(read(Position::default(), 7), Ok(7));
        let far = Position { epoch: usize::MAX, ..Position::default() };
        for (position, steps) in [(far, 7), (Position::default(), u64::MAX)] {
            let error = read(position, steps).unwrap_err();
            assert!(
                error.contains("step counts") && error.contains("state.safetensors"),
                "{error}"
            );
        }
    }
}
