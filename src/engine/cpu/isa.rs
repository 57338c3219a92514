//! Instruction sets, and running work that is compiled for each of them.

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Portable, Simd};

/// Instruction sets that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, for every CPU.
    Portable,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Work that can be compiled for any instruction set.
///
/// Methods of [`Simd`] belong in functions that are `inline(always)`, not in closures: a closure is
/// compiled without the instruction set, and every method in it becomes a call through memory.
pub(crate) trait Task {
    /// # Safety
    /// The CPU supports `S`'s instructions. Implementations are `inline(always)`.
    unsafe fn run<S: Simd>(self);
}

impl Isa {
    /// The instruction sets that this CPU supports, best first; never empty.
    pub fn available() -> Vec<Self> {
        let mut list = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                list.push(Self::Avx512);
            }
            if avx2 {
                list.push(Self::Avx2);
            }
        }
        list.push(Self::Portable);
        list
    }

    /// Number of values per register.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Portable => Portable::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::LANES,
        }
    }

    /// # Safety
    /// `self` is one of [`Isa::available`], and the task's own requirements hold.
    pub(crate) unsafe fn run<T: Task>(self, task: T) {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn avx512<T: Task>(task: T) {
            // SAFETY: the caller has detected AVX-512.
            unsafe { task.run::<Avx512>() }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<T: Task>(task: T) {
            // SAFETY: the caller has detected AVX2.
            unsafe { task.run::<Avx2>() }
        }
        // SAFETY: as required by this function.
        unsafe {
            match self {
                Self::Portable => task.run::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => avx2(task),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512(task),
            }
        }
    }
}
