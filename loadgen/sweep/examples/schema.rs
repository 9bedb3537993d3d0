//! Prints the schema of `sweep.json`, or of `grid.json`: `cargo run -p sweep --example schema [grid]`.

use schemars::{Schema, schema_for};

fn main() {
    let grid = std::env::args().nth(1).is_some_and(|which| which == "grid");
    let schema: Schema = if grid { schema_for!(sweep::grid::Grid) } else { schema_for!(sweep::result::Sweep) };
    println!("{}", serde_json::to_string_pretty(&schema).expect("a schema serialises"));
}
