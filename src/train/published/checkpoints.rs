//! Names of the best checkpoints of a cycle, and their removal.

use crate::train::TrainError;
use crate::train::state::Position;
use std::path::Path;

/// The start of the file names of a cycle's checkpoints.
pub(super) fn prefix(stage: u32, cycle: u32) -> String {
    format!("best-stage={stage}-cycle={cycle:02}-epoch=")
}

/// Whether a name from a state file is one that this program gives to a checkpoint: it is joined to
/// a folder, read and removed, so anything else is refused.
pub(super) fn is_checkpoint_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=-.".contains(c);
    name.starts_with("best-stage=")
        && name.ends_with(".ckpt")
        && name.len() < 128
        && name.chars().all(plain)
        && !name.contains("..")
}

/// Removes checkpoints of this cycle that a killed run left: only the best one is kept.
pub(super) fn remove_stale_checkpoints(
    folder: &Path,
    position: &Position,
) -> Result<(), TrainError> {
    let fail = |e: std::io::Error| TrainError::state(folder, e);
    let prefix = prefix(position.stage, position.cycle);
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with(&prefix) && name.ends_with(".ckpt");
        if ours && position.best_file.as_ref() != Some(&name) {
            std::fs::remove_file(folder.join(name)).map_err(fail)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_checkpoints_are_accepted_from_a_state_file() {
        assert!(is_checkpoint_name("best-stage=2-cycle=03-epoch=012-loss=0.12.ckpt"));
        assert!(is_checkpoint_name(&format!("{}012-loss=-1.50.ckpt", prefix(1, 0))));
        for name in [
            "/etc/passwd",
            "best-stage=1/../../x.ckpt",
            "best-stage=1-..\\x.ckpt",
            "best-stage=..ckpt",
            "last.ckpt",
            "best-stage=1.safetensors",
            "",
        ] {
            assert!(!is_checkpoint_name(name), "{name}");
        }
    }
}
