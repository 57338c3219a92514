//! Numbers that are read where they are stored.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::array::{Array, Values};
use super::error::NpyError;
use super::scalar::{Scalar, ScalarKind};
use std::borrow::Cow;

/// Number of elements of a shape, saturated.
pub(super) fn count(shape: &[usize]) -> usize {
    shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s)).unwrap_or(usize::MAX)
}

/// An array of numbers in borrowed bytes, which are converted one by one.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Length of every axis, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    scalar: Scalar,
    data: Cow<'a, [u8]>,
    /// Position of the first element, and distance of two elements, in bytes.
    first: usize,
    stride: usize,
    /// Whether the elements are in column-major order.
    fortran: bool,
}

impl<'a> View<'a> {
    /// An array of dtype `descr`, such as `<i8`.
    ///
    /// # Errors
    /// The dtype is not supported, or there are fewer bytes than the shape needs.
    pub(crate) fn new(
        descr: &str,
        fortran: bool,
        shape: Vec<usize>,
        data: Cow<'a, [u8]>,
    ) -> Result<Self, NpyError> {
        let scalar = Scalar::parse(descr).ok_or_else(|| NpyError::Dtype(descr.to_owned()))?;
        let needed = count(&shape).saturating_mul(scalar.width);
        if data.len() < needed {
            return Err(NpyError::Length { shape, needed, found: data.len() });
        }
        let fortran = fortran && shape.len() > 1;
        Ok(Self { shape, scalar, data, first: 0, stride: scalar.width, fortran })
    }

    /// A field of a structured array whose elements lie `stride` bytes apart, the first one `first`
    /// bytes behind the start. The data must hold all of them.
    pub(super) fn field(
        scalar: Scalar,
        shape: Vec<usize>,
        data: &'a [u8],
        (first, stride): (usize, usize),
    ) -> Self {
        Self { shape, scalar, data: Cow::Borrowed(data), first, stride, fortran: false }
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        count(&self.shape)
    }

    /// The elements of a matrix whose place along `axis` (0 or 1) is `index`; `None` if there are
    /// none, or this is not a matrix.
    pub fn line(&self, axis: usize, index: usize) -> Option<View<'_>> {
        let [rows, columns] = *self.shape.as_slice() else { return None };
        let steps = if self.fortran { [1, rows] } else { [columns, 1] };
        let (fixed, moving, sides) = match axis {
            0 => (*steps.first()?, *steps.last()?, (rows, columns)),
            _ => (*steps.last()?, *steps.first()?, (columns, rows)),
        };
        let first = fixed.checked_mul(index)?.checked_mul(self.stride)?.checked_add(self.first)?;
        (index < sides.0).then(|| View {
            shape: vec![sides.1],
            scalar: self.scalar,
            data: Cow::Borrowed(&self.data),
            first,
            stride: self.stride.saturating_mul(moving),
            fortran: false,
        })
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(&self) -> bool {
        self.scalar.kind == ScalarKind::Float
    }

    /// Whether the elements are true or false.
    pub fn is_bool(&self) -> bool {
        self.scalar.kind == ScalarKind::Bool
    }

    /// The elements as bytes in row-major order, if that is how they are stored.
    pub fn bytes(&self) -> Option<&[u8]> {
        let plain = self.scalar.kind == ScalarKind::Unsigned && self.scalar.width == 1;
        let dense = self.first == 0 && self.stride == 1 && !self.fortran;
        (plain && dense).then(|| self.data.get(..self.count())).flatten()
    }

    /// The bits of an element by its number in row-major order.
    fn bits(&self, index: usize) -> u64 {
        let place = if self.fortran { self.column_major(index) } else { index };
        // The constructor has checked that all elements are within the data.
        let at = place.saturating_mul(self.stride).saturating_add(self.first);
        let end = at.saturating_add(self.scalar.width);
        let bytes = self.data.get(at..end).unwrap_or_default();
        let digit = |sum: u64, b: &u8| sum << 8 | u64::from(*b);
        if self.scalar.big {
            bytes.iter().fold(0, digit)
        } else {
            bytes.iter().rev().fold(0, digit)
        }
    }

    /// The place of an element in column-major order.
    fn column_major(&self, index: usize) -> usize {
        let (mut rest, mut place, mut weight) = (index, 0_usize, self.count());
        for side in self.shape.iter().rev() {
            weight = weight.checked_div(*side).unwrap_or(0);
            place =
                place.saturating_add(rest.checked_rem(*side).unwrap_or(0).saturating_mul(weight));
            rest = rest.checked_div(*side).unwrap_or(0);
        }
        place
    }

    fn signed(&self, bits: u64) -> i64 {
        match self.scalar.width {
            1 => i64::from(bits as u8 as i8),
            2 => i64::from(bits as u16 as i16),
            4 => i64::from(bits as u32 as i32),
            _ => bits as i64,
        }
    }

    fn real(&self, bits: u64) -> f64 {
        match self.scalar.width {
            2 => half::f16::from_bits(bits as u16).to_f64(),
            4 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        }
    }

    /// An element as a floating-point number, by its number in row-major order. Times are in
    /// microseconds; a time that is not set is NaN.
    pub fn float(&self, index: usize) -> f64 {
        let bits = self.bits(index);
        match self.scalar.kind {
            ScalarKind::Bool => f64::from(u8::from(bits != 0)),
            ScalarKind::Unsigned => bits as f64,
            ScalarKind::Signed => self.signed(bits) as f64,
            ScalarKind::Float => self.real(bits),
            ScalarKind::Time(numerator, denominator) => match self.signed(bits) {
                i64::MIN => f64::NAN,
                ticks => ticks as f64 * numerator as f64 / denominator as f64,
            },
        }
    }

    /// An element as an integer; `None` if it has a fraction or is beyond 64 bits.
    pub fn integer(&self, index: usize) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let bits = self.bits(index);
        match self.scalar.kind {
            ScalarKind::Bool => Some(i64::from(bits != 0)),
            ScalarKind::Unsigned => i64::try_from(bits).ok(),
            ScalarKind::Signed => Some(self.signed(bits)),
            ScalarKind::Float => {
                let f = self.real(bits);
                (f.fract() == 0.0 && f.abs() <= EXACT).then_some(f as i64)
            }
            ScalarKind::Time(numerator, denominator) => {
                let ticks = self.signed(bits).checked_mul(numerator)?;
                let whole = ticks.checked_rem(denominator)? == 0 && ticks != i64::MIN;
                whole.then(|| ticks.checked_div(denominator)).flatten()
            }
        }
    }

    /// All elements, widened.
    pub(super) fn widen(self) -> Result<Array, NpyError> {
        let n = self.count();
        let values = match self.scalar.kind {
            ScalarKind::Unsigned if self.scalar.width == 1 => {
                Values::Bytes((0..n).map(|i| self.bits(i) as u8).collect())
            }
            ScalarKind::Float => Values::Floats((0..n).map(|i| self.float(i)).collect()),
            _ => {
                let all = (0..n).map(|i| self.integer(i)).collect::<Option<Vec<_>>>();
                Values::Integers(all.ok_or(NpyError::Range)?)
            }
        };
        Ok(Array { shape: self.shape, values })
    }
}
