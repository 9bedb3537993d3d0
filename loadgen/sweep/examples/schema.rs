//! Prints the schema of `sweep.json`.

fn main() {
    let schema = schemars::schema_for!(sweep::result::Sweep);
    println!("{}", serde_json::to_string_pretty(&schema).expect("a schema serialises"));
}
