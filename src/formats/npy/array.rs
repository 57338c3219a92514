//! Arrays whose elements are widened.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

/// Elements of an array, widened to a type that represents them exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Unsigned bytes, used for images.
    Bytes(Vec<u8>),
    /// Any other integers and booleans.
    Integers(Vec<i64>),
    /// Floating-point numbers.
    Floats(Vec<f64>),
    /// A pickle of objects, not interpreted.
    Pickle(Vec<u8>),
}

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of every axis, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Values,
}

impl Array {
    /// The elements as integers; `None` for objects, and if a value is not an integer that double
    /// precision represents exactly.
    pub fn integers(self) -> Option<Vec<i64>> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.values {
            Values::Bytes(v) => Some(v.into_iter().map(i64::from).collect()),
            Values::Integers(v) => Some(v),
            Values::Floats(v) => v
                .iter()
                .map(|f| (f.fract() == 0.0 && f.abs() <= EXACT).then_some(*f as i64))
                .collect(),
            Values::Pickle(_) => None,
        }
    }

    /// The elements in double precision; `None` for objects.
    pub fn floats(self) -> Option<Vec<f64>> {
        match self.values {
            Values::Bytes(v) => Some(v.into_iter().map(f64::from).collect()),
            Values::Integers(v) => Some(v.into_iter().map(|i| i as f64).collect()),
            Values::Floats(v) => Some(v),
            Values::Pickle(_) => None,
        }
    }

    /// The value of a one-element array; `None` for other sizes.
    pub fn scalar(self) -> Option<f64> {
        match self.floats()?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}
