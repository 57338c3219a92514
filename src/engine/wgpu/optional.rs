//! What some devices have; there are shaders that need none of it.

use super::adapters::{AdapterInfo, MatrixShape};
use std::sync::{Arc, OnceLock};
use wgpu::Features;

/// What shaders may use beside half precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Optional {
    /// Threads of the largest subgroup: those of a subgroup read weights together.
    pub(super) subgroups: Option<u32>,
    /// Convolutions are products of cooperative matrices.
    pub(super) matrices: Option<MatrixShape>,
}

/// What was found to work, in single and in half precision.
pub(super) type Settled = Arc<[OnceLock<Optional>; 2]>;

impl Optional {
    /// What a device of the engine's own may be opened with. wgpu's matrices are experimental.
    pub(super) fn of(info: &AdapterInfo, half: bool) -> Self {
        Self { subgroups: info.subgroups, matrices: info.matrices.filter(|_| half) }
    }

    /// What a shared device may use, which was opened with these features.
    pub(super) fn shared(info: &AdapterInfo, features: Features) -> Self {
        let subgroups = info.subgroups.filter(|_| features.contains(Features::SUBGROUP));
        Self { subgroups, matrices: None }
    }

    /// All of it, each alone, and nothing: in the order in which they are tried.
    pub(super) fn choices(self) -> Vec<Self> {
        let mut all = vec![self];
        for less in
            [Self { matrices: None, ..self }, Self { subgroups: None, ..self }, Self::default()]
        {
            if !all.contains(&less) {
                all.push(less);
            }
        }
        all
    }

    pub(super) fn features(self) -> Features {
        let mut features = Features::empty();
        features.set(Features::SUBGROUP, self.subgroups.is_some());
        features.set(Features::EXPERIMENTAL_COOPERATIVE_MATRIX, self.matrices.is_some());
        features
    }

    /// Its names in a message; empty for nothing.
    pub(super) fn describe(self) -> String {
        let subgroups = self.subgroups.map(|_| "subgroups");
        let matrices = self.matrices.map(|_| "cooperative matrices");
        subgroups.into_iter().chain(matrices).collect::<Vec<_>>().join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_and_less_is_tried_and_nothing_twice() {
        let (subgroups, matrices) = (Some(32), Some(MatrixShape { tile: 16, threads: 32 }));
        let all = Optional { subgroups, matrices };
        let names = |of: Optional| of.choices().iter().map(|c| c.describe()).collect::<Vec<_>>();
        let both = "subgroups and cooperative matrices";
        assert_eq!(names(all), [both, "subgroups", "cooperative matrices", ""]);
        assert_eq!(names(Optional { matrices: None, ..all }), ["subgroups", ""]);
        assert_eq!(names(Optional { subgroups: None, ..all }), ["cooperative matrices", ""]);
        assert_eq!(names(Optional::default()), [""]);
        assert_eq!(Optional::default().features(), Features::empty());
    }
}
