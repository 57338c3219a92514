//! Tries optional features of a device when an engine is made.

use super::WgpuEngine;
use super::optional::Optional;
use super::subgroups;
use crate::engine::EngineError;
use crate::engine::self_check::{NEEDED_DB, SelfCheck};
use crate::network::Weights;

impl WgpuEngine {
    /// Uses as much from now on of what the device has as restores a small image correctly.
    pub(super) fn try_optional(&mut self, weights: &Weights) -> Result<(), EngineError> {
        if self.device.offered == Optional::default() {
            return Ok(());
        }
        if let Some(settled) = self.device.settled().get() {
            self.device.used = *settled;
            return Ok(());
        }
        let check = SelfCheck::typical(weights)?;
        let name = self.device.name().to_owned();
        let mut failed = Vec::new();
        for choice in self.device.offered.choices() {
            self.device.used = choice;
            self.forget();
            match self.tried(&check) {
                Ok(db) if choice != Optional::default() => {
                    tracing::info!("{name} uses {}, {db:.0} dB", choice.describe());
                }
                Ok(_) => {}
                Err(why) => {
                    failed.push(format!("{name} does not use {}: {why}", choice.describe()));
                    self.device.faults.clear();
                    continue;
                }
            }
            failed.iter().for_each(|line| tracing::warn!("{line}"));
            let _ = self.device.settled().set(choice);
            return Ok(());
        }
        // Plain shaders are as wrong, so that it is not the optional features.
        Ok(())
    }

    /// The agreement in dB of a small image with the processor's, if it is enough.
    fn tried(&mut self, check: &SelfCheck) -> Result<f64, String> {
        if let Some(largest) = self.device.used.subgroups
            && !subgroups::are_neighbours(&mut self.device, largest)
        {
            return Err(format!("a subgroup is not at most {largest} neighbouring threads"));
        }
        let agreement = check.agreement_db(self);
        self.forget();
        match agreement {
            Ok(db) if db >= NEEDED_DB => Ok(db),
            Ok(db) => Err(format!("wrong, {db:.0} dB")),
            Err(why) => Err(why.to_string()),
        }
    }
}
