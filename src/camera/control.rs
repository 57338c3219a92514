//! Camera controls described as data, so that the window can draw them.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// The value of a control.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// One of the control's choices.
    Enum(String),
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("on"),
            Self::Bool(false) => f.write_str("off"),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Enum(value) => f.write_str(value),
        }
    }
}

/// A camera setting that can be changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Control {
    /// Identifier used to set it, with its unit: `exposure_us`.
    pub name: Cow<'static, str>,
    /// Label shown in the window.
    pub label: &'static str,
    /// Group heading shown when there are several cameras: the camera's name and serial number.
    /// A driver leaves it empty.
    pub group: Cow<'static, str>,
    /// Current value.
    pub value: Value,
    /// Minimum and maximum, for a number.
    pub range: Option<(f64, f64)>,
    /// Allowed values, for an enumeration.
    pub choices: Vec<String>,
    /// Shown only in expert mode, for example raw biases.
    pub expert: bool,
    /// Setting it interrupts the stream, so a slider sends only its final value.
    pub on_release: bool,
}

impl Control {
    fn new(name: &'static str, label: &'static str, value: Value) -> Self {
        Self {
            name: name.into(),
            label,
            group: Cow::default(),
            value,
            range: None,
            choices: Vec::new(),
            expert: false,
            on_release: false,
        }
    }

    /// An integer control with an inclusive range.
    pub fn int(name: &'static str, label: &'static str, value: i64, range: (i64, i64)) -> Self {
        let range = Some((range.0 as f64, range.1 as f64));
        Self { range, ..Self::new(name, label, Value::Int(value)) }
    }

    /// A floating-point control with an inclusive range.
    pub fn float(name: &'static str, label: &'static str, value: f64, range: (f64, f64)) -> Self {
        Self { range: Some(range), ..Self::new(name, label, Value::Float(value)) }
    }

    /// On or off.
    pub fn switch(name: &'static str, label: &'static str, value: bool) -> Self {
        Self::new(name, label, Value::Bool(value))
    }

    /// An enumeration control.
    pub fn choice(
        name: &'static str,
        label: &'static str,
        value: impl Into<String>,
        choices: Vec<String>,
    ) -> Self {
        Self { choices, ..Self::new(name, label, Value::Enum(value.into())) }
    }

    /// Marks the control as expert-only.
    pub fn for_experts(mut self) -> Self {
        self.expert = true;
        self
    }

    /// Sets the control only when a drag has ended, because each change interrupts the stream.
    pub fn set_on_release(mut self) -> Self {
        self.on_release = true;
        self
    }

    /// Checks that this control accepts `value`.
    ///
    /// # Errors
    /// [`ControlError::Kind`] for a value of another type, [`ControlError::Range`] for a value
    /// outside the range or the choices.
    pub fn check(&self, value: &Value) -> Result<(), ControlError> {
        let number = match (&self.value, value) {
            (Value::Bool(_), Value::Bool(_)) => return Ok(()),
            (Value::Enum(_), Value::Enum(c)) if self.choices.contains(c) => return Ok(()),
            (Value::Enum(_), Value::Enum(_)) => {
                return Err(ControlError::Range {
                    name: self.name.clone().into(),
                    value: value.clone(),
                });
            }
            (Value::Int(_), Value::Int(v)) => *v as f64,
            (Value::Float(_), Value::Float(v)) => *v,
            _ => {
                return Err(ControlError::Kind {
                    name: self.name.clone().into(),
                    value: value.clone(),
                });
            }
        };
        match self.range {
            Some((low, high)) if !(low..=high).contains(&number) => {
                Err(ControlError::Range { name: self.name.clone().into(), value: value.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Why a control could not be set.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum ControlError {
    /// The camera has no control of that name.
    #[error("this camera has no control named {0}")]
    Unknown(String),
    /// The value has the wrong type, for example a number for a switch.
    #[error("{name} does not accept a value of this type: {value}")]
    Kind {
        /// Name of the control.
        name: String,
        /// The requested value.
        value: Value,
    },
    /// The value is outside the control's range or choices.
    #[error("{name} cannot be set to {value}: out of range")]
    Range {
        /// Name of the control.
        name: String,
        /// The requested value.
        value: Value,
    },
    /// The camera rejected the value.
    #[error("the camera rejected the setting {0}")]
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_value_is_named_as_the_user_knows_it() {
        let control = Control::int("exposure_us", "Exposure", 5, (1, 10));
        let refused = |value| control.check(&value).err().map(|e| e.to_string());
        let message = "exposure_us cannot be set to 20: out of range";
        assert_eq!(refused(Value::Int(20)).as_deref(), Some(message));
        let message = "exposure_us does not accept a value of this type: off";
        assert_eq!(refused(Value::Bool(false)).as_deref(), Some(message));
        assert_eq!(Value::Enum("fast".into()).to_string(), "fast");
    }
}
