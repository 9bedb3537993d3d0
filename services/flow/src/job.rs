//! What a job is: a tile of the picture, the funnel of a row, or the funnel of all rows.

use mysql_async::prelude::FromValue;
use mysql_async::{FromValueError, Value};

/// The size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Grid {
    /// Tiles in a row.
    pub across: u16,
    /// Rows of tiles.
    pub down: u16,
    /// Pixels of a tile's side.
    pub tile: u16,
}

impl Grid {
    /// How many jobs make such a picture: a job a tile, one a row, and one for the picture.
    pub fn jobs(self) -> u64 {
        u64::from(self.across) * u64::from(self.down) + u64::from(self.down) + 1
    }
}

/// What kind of job it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Computes the points of one tile. Needs nobody.
    Tile,
    /// Counts the points of a row. Needs all tiles of the row.
    Row,
    /// Makes the colours of the whole picture from what the rows have counted. Needs all rows.
    Picture,
}

impl Kind {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tile => "tile",
            Self::Row => "row",
            Self::Picture => "picture",
        }
    }
}

impl FromValue for Kind {
    type Intermediate = KindIr;
}

/// A kind on its way out of the database.
#[derive(Debug)]
pub struct KindIr(Kind, Value);

impl TryFrom<Value> for KindIr {
    type Error = FromValueError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let kind = match &value {
            Value::Bytes(name) => {
                [Kind::Tile, Kind::Row, Kind::Picture].into_iter().find(|kind| kind.name().as_bytes() == name)
            }
            _ => None,
        };
        kind.map(|kind| Self(kind, value.clone())).ok_or(FromValueError(value))
    }
}

impl From<KindIr> for Kind {
    fn from(KindIr(kind, _): KindIr) -> Self {
        kind
    }
}

impl From<KindIr> for Value {
    fn from(KindIr(_, value): KindIr) -> Self {
        value
    }
}

/// A job that a worker has claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its number.
    pub job: u64,
    /// The run that it belongs to.
    pub run: u32,
    /// What is to be done.
    pub kind: Kind,
    /// Which tile of the row; 0 for a funnel.
    pub x: u16,
    /// Which row; 0 for the picture.
    pub y: u16,
    /// Which try this is, counted from 1.
    pub attempt: u16,
    /// Whether it kills the worker that tries it.
    pub poisoned: bool,
    /// Who claimed it.
    pub owner: String,
    /// The size of the picture.
    pub grid: Grid,
}
