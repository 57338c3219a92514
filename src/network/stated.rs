//! What a file of weights states beside the parameters.

use super::{EVENT_INPUT_KEY, RESIDUAL_NOISE_KEY, Weights, WeightsError};
use crate::event::EventInput;
use std::collections::{BTreeMap, HashMap};

impl Weights {
    /// Compares the metadata of a safetensors file with the shapes, and takes over the rest.
    pub(super) fn with_metadata(
        self,
        metadata: Option<&HashMap<String, String>>,
    ) -> Result<Self, WeightsError> {
        let stated = |key: &str| metadata.and_then(|m| m.get(key));
        match stated(EVENT_INPUT_KEY) {
            Some(name) if name != self.event_input().name() => {
                Err(WeightsError::Mismatch(format!(
                    "the file states the event input {name:?}, but its first layer reads {:?}",
                    self.event_input().name()
                )))
            }
            _ => match stated(RESIDUAL_NOISE_KEY) {
                None => Ok(self),
                Some(text) => {
                    let noise = text.parse().ok();
                    let noise = noise.ok_or_else(|| WeightsError::ResidualNoise(text.clone()))?;
                    self.with_residual_noise(noise)
                }
            },
        }
    }

    /// The metadata of a safetensors file; none for the published network, whose files stay
    /// unchanged.
    pub(super) fn metadata(&self) -> Option<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        if self.event_input() != EventInput::Counts {
            all.insert(EVENT_INPUT_KEY.into(), self.event_input().name().into());
        }
        if self.residual_noise() > 0.0 {
            all.insert(RESIDUAL_NOISE_KEY.into(), self.residual_noise().to_string());
        }
        (!all.is_empty()).then_some(all)
    }

    /// These weights with another [`Weights::residual_noise`].
    ///
    /// # Errors
    /// It is not from 0 to [`Weights::MAX_RESIDUAL_NOISE`].
    pub fn with_residual_noise(mut self, noise: f32) -> Result<Self, WeightsError> {
        if !(0.0..=Self::MAX_RESIDUAL_NOISE).contains(&noise) {
            return Err(WeightsError::ResidualNoise(noise.to_string()));
        }
        self.residual_noise = noise;
        Ok(self)
    }
}
