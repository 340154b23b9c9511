console.log("The example application.");
