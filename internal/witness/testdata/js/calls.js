// Asks STS who it is, four times a second, by one client: calls.js SECONDS. For 0 seconds once. Fails when a call has.
const { GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function main() {
  const sts = new STSClient({});
  const end = performance.now() + 1000 * Number(process.argv[2]);
  for (;;) {
    try {
      await sts.send(new GetCallerIdentityCommand({}));
    } catch (error) {
      process.exitCode = 1;
      console.log(error.name, error.message);
    }
    if (performance.now() > end) return;
    await pause(250);
  }
}

main();
