package agent

// noLink has nothing to keep from: links take a privilege to make.
const noLink = 0
