//! Completions and man pages, rendered from the clap tree so that they cannot disagree with it.

use super::Cli;
use anyhow::Result;
use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::io::{self, Write};

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kvtool completions bash >/etc/bash_completion.d/kvtool
  kvtool completions zsh >~/.zfunc/_kvtool
  kvtool completions fish >~/.config/fish/completions/kvtool.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&completions(args.shell))?;
    out.flush()?;
    Ok(())
}

/// Every generated file of the repository: its path and content.
pub fn files() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for shell in Shell::value_variants() {
        let name = clap_complete::Generator::file_name(shell, "kvtool");
        files.push((format!("completions/{name}"), completions(*shell)));
    }
    let mut tree = Cli::command().disable_help_subcommand(true);
    tree.build();
    man_pages(&tree, &mut files)?;
    Ok(files)
}

fn man_pages(command: &Command, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let (name, page) = man_page(command.clone())?;
    files.push((format!("man/{name}"), page));
    let mut verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    verbs.try_for_each(|verb| man_pages(verb, files))
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kvtool", &mut script);
    script
}

fn man_page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let notes = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let with_options = command.get_arguments().next().is_some();
    let with_verbs = command.has_subcommands();
    let environment = render_environment(&command);
    let man = Man::new(command)
        .source(concat!("kvtool ", env!("CARGO_PKG_VERSION")))
        .manual("kvtool");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if with_options {
        man.render_options_section(&mut page)?;
    }
    if with_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    environment.to_writer(&mut page)?;
    render_notes(&notes).to_writer(&mut page)?;
    Ok((man.get_filename(), page))
}

/// The variables that stand in for flags.
fn render_environment(command: &Command) -> Roff {
    let mut page = Roff::new();
    let variables: Vec<_> = command
        .get_arguments()
        .filter_map(|flag| flag.get_env()?.to_str().zip(flag.get_long()))
        .collect();
    if !variables.is_empty() {
        page.control("SH", ["ENVIRONMENT"]);
        page.text([roman("A flag wins over its variable.")]);
    }
    for (variable, flag) in variables {
        page.control("TP", []);
        page.text([bold(variable)]);
        page.text([roman(format!("stands in for --{flag}"))]);
    }
    page
}

/// The end of a help text: paragraphs, and titled blocks whose lines must stay as they are.
fn render_notes(notes: &str) -> Roff {
    let mut page = Roff::new();
    for paragraph in notes.split("\n\n") {
        match paragraph.split_once(":\n") {
            Some((title, block)) if block.starts_with(' ') => {
                page.control("SH", [title.to_uppercase().as_str()]);
                page.control("nf", []);
                block.lines().for_each(|line| {
                    page.text([roman(line)]);
                });
                page.control("fi", []);
            }
            _ if paragraph.is_empty() => {}
            _ => {
                page.control("PP", []);
                page.text([roman(paragraph)]);
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_keep_their_examples_line_by_line() {
        let page = render_notes("Examples:\n  a\n  b\n\nWords that\nflow.").to_roff();
        assert_eq!(
            page,
            ".SH EXAMPLES\n.nf\n  a\n  b\n.fi\n.PP\nWords that\nflow.\n"
        );
    }
}
