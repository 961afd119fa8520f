//! Public behaviour of simul-git, judged against the git that is installed.

mod history;
